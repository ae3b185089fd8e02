package rules

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/runtimefix/runtimefix/rewrite"
)

// dockerfile is a parsed Dockerfile.
type dockerfile struct {
	src    []byte
	list   []*instruction
	escape byte
}

// instruction is one of a Dockerfile with its place in the file.
type instruction struct {
	node *parser.Node
	name string // in lower case
	// lines are the ranges of its lines without their comments, with line
	// breaks; here-documents are not among them.
	lines []span
	// text is the instruction on one line; args is where its arguments begin.
	text fileText
	args int
	// pairs are the variables of an ENV, in order; nil where they could not be
	// found in the file.
	pairs []envPair
	stage int // -1 before the first FROM
}

// envPair is a variable that an ENV sets; ranges are those of the text.
type envPair struct {
	name  string
	whole span // name, equals sign and value
	value span // with its quotes
}

// parseDockerfile parses src. The parser says which instructions there are and
// what they hold; their places in the file are found by joining the lines as it
// does, and count only where the outcome is the same.
func parseDockerfile(src []byte) (d *dockerfile, err error) {
	defer func() {
		if v := recover(); v != nil {
			d, err = nil, fmt.Errorf("parsing: %v", v)
		}
	}()
	res, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	d = &dockerfile{src: src, escape: byte(res.EscapeToken)}
	starts := []int{0}
	for i, c := range src {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	stage := -1
	for _, n := range res.AST.Children {
		in := &instruction{node: n, name: strings.ToLower(n.Value)}
		if in.name == "from" {
			stage++
		}
		in.stage = stage
		if n.StartLine >= 1 && n.StartLine <= len(starts) {
			d.locate(in, starts)
		}
		d.list = append(d.list, in)
	}
	return d, nil
}

// locate joins the lines of in, and finds the variables of an ENV.
func (d *dockerfile) locate(in *instruction, starts []int) {
	var text []byte
	var offs []int
	for i := in.node.StartLine - 1; i < len(starts) && i < in.node.EndLine; i++ {
		first := i == in.node.StartLine-1
		off, end := starts[i], len(d.src)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		full := span{off, end}
		line := bytes.TrimRight(d.src[off:end], "\r\n")
		if i == 0 && bytes.HasPrefix(line, []byte("\xef\xbb\xbf")) {
			off, line = off+3, line[3:]
		}
		trimmed := bytes.TrimLeftFunc(line, unicode.IsSpace)
		if first {
			off, line = off+len(line)-len(trimmed), trimmed
		} else if len(trimmed) == 0 || trimmed[0] == '#' {
			continue
		}
		in.lines = append(in.lines, full)
		line, more := d.continued(line)
		for j := range line {
			text, offs = append(text, line[j]), append(offs, off+j)
		}
		if !more {
			break
		}
	}
	if string(text) != in.node.Original {
		in.lines = nil
		return
	}
	in.text = fileText{string(text), offs}
	trimmed := strings.TrimRightFunc(in.text.text, unicode.IsSpace)
	i := strings.IndexAny(trimmed, " \t\v\f\r")
	if i < 0 {
		return
	}
	in.args = len(trimmed) - len(strings.TrimLeft(trimmed[i:], " \t\v\f\r"))
	if in.name == "env" && len(in.node.Flags) == 0 {
		in.findPairs(trimmed, d.escape)
	}
}

// continued returns line without a continuation character at its end, and
// whether there is one.
func (d *dockerfile) continued(line []byte) ([]byte, bool) {
	t := bytes.TrimRight(line, " \t")
	n := len(t)
	if n == 0 || t[n-1] != d.escape {
		return line, false
	}
	if n == 1 || t[n-2] != d.escape {
		return t[:n-1], true
	}
	return line, false
}

// findPairs finds the variables in the text, and compares them with what the
// parser says.
func (in *instruction) findPairs(text string, escape byte) {
	type pair struct{ name, value, sep string }
	var want []pair
	for n := in.node.Next; n != nil && n.Next != nil && n.Next.Next != nil; n = n.Next.Next.Next {
		want = append(want, pair{n.Value, n.Next.Value, n.Next.Next.Value})
	}
	if len(want) == 0 {
		return
	}
	var pairs []envPair
	if want[0].sep == "" {
		i := in.args + strings.IndexAny(text[in.args:], " \t\v\f\r")
		if i < in.args {
			return
		}
		v := len(text) - len(strings.TrimLeft(text[i:], " \t\v\f\r"))
		pairs = []envPair{{text[in.args:i], span{in.args, len(text)}, span{v, len(text)}}}
	} else {
		for _, w := range words(text, in.args, escape) {
			name, _, ok := strings.Cut(text[w.off:w.end], "=")
			if !ok {
				return
			}
			pairs = append(pairs, envPair{name, w, span{w.off + len(name) + 1, w.end}})
		}
	}
	if len(pairs) != len(want) {
		return
	}
	for i, p := range pairs {
		if p.name != want[i].name || text[p.value.off:p.value.end] != want[i].value {
			return
		}
	}
	in.pairs = pairs
}

// words returns the ranges of the words of text from off on: apart by blanks
// that are neither quoted nor escaped.
func words(text string, off int, escape byte) []span {
	var out []span
	begin := -1
	var quote byte
	for i := off; i <= len(text); i++ {
		if i == len(text) || quote == 0 && unicode.IsSpace(rune(text[i])) {
			if begin >= 0 {
				out = append(out, span{begin, i})
			}
			begin = -1
			continue
		}
		if begin < 0 {
			begin = i
		}
		switch c := text[i]; {
		case c == escape && quote != '\'' && i+1 < len(text):
			i++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return out
}

// contents writes what the Dockerfile says without its layout and comments. An
// ENV is written through env.
func (d *dockerfile) contents(env func(in *instruction, i int, name, value string) (string, bool)) []string {
	var out []string
	for _, in := range d.list {
		text := fmt.Sprintf("%s %q", in.name, in.node.Flags)
		if in.name != "env" {
			text += fmt.Sprint(in.node.Dump(), in.node.Heredocs)
			out = append(out, text)
			continue
		}
		some, i := false, 0
		for n := in.node.Next; n != nil && n.Next != nil && n.Next.Next != nil; n = n.Next.Next.Next {
			value := n.Next.Value
			keep := true
			if env != nil {
				value, keep = env(in, i, n.Value, value)
			}
			if i++; keep {
				some = true
				text += fmt.Sprintf(" %q=%q", n.Value, value)
			}
		}
		if some {
			out = append(out, text)
		}
	}
	return out
}

// dockerTraces returns the places of a Dockerfile that switch traces on in the
// environment of the image: the ENV that counts in the last stage, the shell
// commands there, and the defaults of build arguments that end up in it.
func dockerTraces(t *rewrite.TextFile) []traceSite {
	d, err := parseDockerfile(t.Src)
	if err != nil {
		return nil
	}
	var out []traceSite
	chain, names := d.chain()
	x := &dockerTracer{t: t, d: d, names: names}
	var env []dockerEnv // of GODEBUG in the order of the build
	for _, in := range chain {
		switch in.name {
		case "env":
			for i, p := range in.pairs {
				if p.name == "GODEBUG" {
					env = append(env, dockerEnv{in, i})
				}
			}
			if in.pairs == nil && strings.Contains(in.node.Original, "GODEBUG") {
				if g := readGodebug(rawGodebug(in.node)); g.on() {
					out = append(out, traceSite{file: t, off: x.start(in), end: x.start(in) + len(in.name), value: g, where: "the image", names: names, why: "the instruction is written in an unusual way; remove gctrace by hand"})
				}
			}
		case "onbuild":
			if inner := onlyChild(in.node); inner != nil && strings.EqualFold(inner.Value, "env") {
				if g := readGodebug(rawGodebug(inner)); g.on() {
					out = append(out, traceSite{file: t, off: x.start(in), end: x.start(in) + len(in.name), value: g, where: "images built from this one", names: names, why: "the instruction is for other images; remove gctrace by hand"})
				}
			}
		case "run", "cmd", "entrypoint", "healthcheck":
			out = append(out, x.command(in)...)
		}
	}
	if len(env) == 0 {
		return out
	}
	// The last ENV counts, and what it takes over from those before.
	for i := len(env) - 1; i >= 0; i-- {
		earlier := slices.ContainsFunc(env[:i], func(v dockerEnv) bool {
			inner, _ := plainValue(v.raw())
			return readGodebug(v.raw()[inner.off:inner.end]).rest != ""
		})
		site, refers := x.env(env[i], earlier)
		if site.value.on() {
			out = append(out, site)
		}
		if !refers {
			break
		}
	}
	return append(out, x.args(env[len(env)-1])...)
}

type dockerEnv struct {
	in *instruction
	i  int
}

// raw returns the value as it is written.
func (v dockerEnv) raw() string {
	p := v.in.pairs[v.i].value
	return v.in.text.text[p.off:p.end]
}

type dockerTracer struct {
	t     *rewrite.TextFile
	d     *dockerfile
	names []string
}

// start returns the offset of the instruction's name in the file.
func (x *dockerTracer) start(in *instruction) int {
	if len(in.text.offs) > 0 {
		return in.text.offs[0]
	}
	line := bytes.SplitAfterN(x.d.src, []byte("\n"), in.node.StartLine)
	return len(x.d.src) - len(line[len(line)-1])
}

// rawGodebug returns the value that an ENV gives to GODEBUG, as it is written.
func rawGodebug(env *parser.Node) string {
	for n := env.Next; n != nil && n.Next != nil && n.Next.Next != nil; n = n.Next.Next.Next {
		if n.Value == "GODEBUG" {
			return strings.Trim(n.Next.Value, `"'`)
		}
	}
	return ""
}

func onlyChild(n *parser.Node) *parser.Node {
	if n.Next == nil || len(n.Next.Children) != 1 {
		return nil
	}
	return n.Next.Children[0]
}

// chain returns the instructions that the last stage consists of, those of the
// stages it builds from first, and the names of these stages.
func (d *dockerfile) chain() (list []*instruction, names []string) {
	type stage struct {
		name, base string
		list       []*instruction
	}
	var stages []stage
	globals := make(map[string]string)
	for _, in := range d.list {
		switch {
		case in.name == "arg" && in.stage < 0:
			for n := in.node.Next; n != nil; n = n.Next {
				name, def, _ := strings.Cut(n.Value, "=")
				globals[name] = strings.Trim(def, `"'`)
			}
		case in.name == "from":
			s := stage{}
			var args []string
			for n := in.node.Next; n != nil; n = n.Next {
				args = append(args, n.Value)
			}
			if len(args) > 0 {
				s.base = expandArgs(args[0], globals)
			}
			if len(args) == 3 && strings.EqualFold(args[1], "as") {
				s.name = args[2]
			}
			stages = append(stages, s)
		case in.stage >= 0:
			s := &stages[in.stage]
			s.list = append(s.list, in)
		}
	}
	if len(stages) == 0 {
		return nil, nil
	}
	for i := len(stages) - 1; i >= 0; {
		list = append(slices.Clone(stages[i].list), list...)
		if stages[i].name != "" {
			names = append(names, stages[i].name)
		}
		next := -1
		for j := range i {
			if stages[j].name != "" && strings.EqualFold(stages[j].name, stages[i].base) {
				next = j
			}
		}
		i = next
	}
	return list, names
}

type argValues map[string]string

func (a argValues) Get(name string) (string, bool) { v, ok := a[name]; return v, ok }

func (a argValues) Keys() []string {
	var out []string
	for k := range a {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// expandArgs puts the defaults of build arguments into word.
func expandArgs(word string, args map[string]string) string {
	out, _, err := shell.NewLex('\\').ProcessWord(word, argValues(args))
	if err != nil {
		return word
	}
	return out
}

// env returns the site of a variable that an ENV sets, and whether its value
// takes over what the variable held before. With earlier, the variable cannot
// go: a value from before would come back.
func (x *dockerTracer) env(v dockerEnv, earlier bool) (site traceSite, refers bool) {
	p := v.in.pairs[v.i]
	raw := v.in.text.at(p.value)
	refers = strings.Contains(raw.text, "$GODEBUG") || strings.Contains(raw.text, "${GODEBUG")
	place := raw.file(span{0, len(raw.text)})
	site = traceSite{file: x.t, off: place.off, end: place.end, where: "the image", names: x.names}
	inner, plain := plainValue(raw.text)
	value := raw.at(inner)
	site.value = readGodebug(value.text)
	if !plain {
		site.value.hidden, site.value.setting = hiddenTrace.FindString(value.text), ""
		return site, refers
	}
	if site.value.setting == "" {
		return site, refers
	}
	at := value.file(site.value.at)
	site.off, site.end = at.off, at.end
	fix, err := x.envFix(v, value, site.value, earlier)
	if err != nil {
		site.why = err.Error() + "; remove gctrace by hand"
		return site, refers
	}
	site.fix = fix
	return site, refers
}

// envFix removes the trace from the value, and the variable or the whole
// instruction when nothing else is in it.
func (x *dockerTracer) envFix(v dockerEnv, value fileText, g godebugValue, earlier bool) (*rewrite.Fix, error) {
	var edits []textEdit
	message := "remove " + g.setting + " from GODEBUG"
	drop := g.rest == "" && !earlier
	switch {
	case drop:
		message = "remove GODEBUG"
		edits = x.d.dropPair(v.in, v.i, aboutTrace)
	case v.in.pairs[v.i].whole.off+len("GODEBUG")+1 != v.in.pairs[v.i].value.off && g.rest == "":
		return nil, errors.New("the old form of ENV takes no empty value")
	default:
		for _, c := range g.cuts {
			edits = append(edits, value.cut(c)...)
		}
	}
	if len(edits) == 0 {
		return nil, errors.New("its place is not clear")
	}
	after, err := parseDockerfile(spliced(x.d.src, edits))
	if err != nil && len(x.d.list) > 1 {
		return nil, fmt.Errorf("the rest would not parse")
	}
	want := x.d.contents(func(in *instruction, i int, name, value string) (string, bool) {
		if in != v.in || i != v.i {
			return value, true
		}
		inner, _ := plainValue(value)
		return value[:inner.off] + g.rest + value[inner.end:], !drop
	})
	if err == nil && !slices.Equal(want, after.contents(nil)) {
		return nil, errors.New("more than that would change")
	}
	hold := span{v.in.lines[0].off, v.in.lines[len(v.in.lines)-1].end}
	hold.off = min(hold.off, edits[0].off)
	hold.end = max(hold.end, edits[len(edits)-1].end)
	return spliceFix(x.t, message, rewrite.Safe, hold, edits), nil
}

// dropPair returns the edits that remove the i-th variable of an ENV, its line
// if it has one for itself, or the instruction if it is the only one. Comments
// between the lines stay.
func (d *dockerfile) dropPair(in *instruction, i int, about func(string) bool) []textEdit {
	if len(in.pairs) == 1 {
		var out []textEdit
		if first, last := in.lines[0], in.lines[len(in.lines)-1]; last.end-first.off == lengths(in.lines) {
			return []textEdit{{span: cutLines(d.src, span{first.off, last.end}, "#", about)}}
		}
		for k, l := range in.lines {
			if k == 0 {
				l.off = withComments(d.src, l.off, "#", about)
			}
			out = append(out, textEdit{span: l})
		}
		return out
	}
	var items []span
	for _, p := range in.pairs {
		items = append(items, in.text.file(p.whole))
	}
	off := in.text.offs[0]
	return dropItem(d.src, span{off, off + len(in.name)}, items, i, "#", about)
}

func lengths(list []span) int {
	n := 0
	for _, s := range list {
		n += s.end - s.off
	}
	return n
}

// args returns the sites of build arguments whose default ends up in the
// variable.
func (x *dockerTracer) args(v dockerEnv) []traceSite {
	p := v.in.pairs[v.i]
	value := v.in.text.at(p.value).text
	var out []traceSite
	for _, in := range x.d.list {
		if in.name != "arg" || len(in.text.offs) == 0 {
			continue
		}
		for _, w := range words(in.text.text, in.args, x.d.escape) {
			name, def, ok := strings.Cut(in.text.text[w.off:w.end], "=")
			if !ok || !strings.Contains(value, "$"+name) && !strings.Contains(value, "${"+name) {
				continue
			}
			def = strings.Trim(def, `"'`)
			g := readGodebug(def)
			if strings.Contains(value, "gctrace=$"+name) || strings.Contains(value, "gctrace=${"+name) {
				if n, err := strconv.Atoi(def); err == nil && n > 0 {
					g = readGodebug("gctrace=" + def)
				}
			}
			if !g.on() {
				continue
			}
			at := in.text.file(w)
			out = append(out, traceSite{file: x.t, off: at.off, end: at.end, value: g, where: "the image, by the default of a build argument", names: x.names, why: "builds may give another value to the argument; change its default by hand"})
		}
	}
	return out
}

// command returns the sites in the shell command of an instruction.
func (x *dockerTracer) command(in *instruction) []traceSite {
	const byHand = "; remove gctrace by hand"
	where, safety, effect := "the image's command", rewrite.Safe, ""
	if in.name == "run" {
		where, safety, effect = "a command of the build", rewrite.Unsafe, "; what the build step prints changes"
	}
	var out []traceSite
	report := func(text, why string) {
		s := &script{t: x.t, text: wholeText([]byte(text), span{0, len(text)}), where: where, names: x.names}
		for _, site := range s.traces() {
			site.off, site.end = x.start(in), x.start(in)+len(in.name)
			site.fix, site.why = nil, why+byHand
			out = append(out, site)
		}
	}
	node := in.node.Next
	if in.name == "healthcheck" && node != nil {
		node = node.Next
	}
	switch {
	case node == nil:
	case in.node.Attributes["json"]:
		for n, prev := node, ""; n != nil; n, prev = n.Next, n.Value {
			if v, ok := strings.CutPrefix(n.Value, "GODEBUG="); ok && strings.HasSuffix(prev, "env") {
				if g := readGodebug(v); g.on() {
					out = append(out, traceSite{file: x.t, off: x.start(in), end: x.start(in) + len(in.name), value: g, where: where, names: x.names, why: "it is part of a list of arguments" + byHand})
				}
			} else {
				report(n.Value, "it is part of a list of arguments")
			}
		}
	case len(in.node.Heredocs) > 0:
		for _, h := range in.node.Heredocs {
			report(h.Content, "it is part of a here-document")
		}
	default:
		text := strings.TrimRightFunc(in.text.text, unicode.IsSpace)
		if !strings.HasSuffix(text, node.Value) || x.d.escape != '\\' {
			report(node.Value, "its place is not clear")
			break
		}
		s := &script{t: x.t, text: in.text.at(span{len(text) - len(node.Value), len(text)}), where: where, names: x.names, safety: safety, effect: effect}
		out = append(out, s.traces()...)
	}
	return out
}
