package gctrace

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/internal/dockerfile"
	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// dockerTraces returns the places of a Dockerfile that switch traces on in the
// environment of the image: the ENV that counts in the last stage, the shell
// commands there, and the defaults of build arguments that end up in it. With hides
// or, in the environment of the image, asked, the variable keeps its name.
func dockerTraces(t *rewrite.TextFile, hides, asked func() bool) []traceSite {
	d, err := dockerfile.Parse(t.Src)
	if err != nil {
		return nil
	}
	var out []traceSite
	chain, names := d.Chain()
	x := &dockerTracer{t: t, d: d, names: names}
	var env []dockerEnv // of GODEBUG in the order of the build
	var commands []*dockerfile.Instruction
	for _, in := range chain {
		switch in.Name {
		case "env":
			for i, p := range in.Pairs {
				if p.Name == "GODEBUG" {
					env = append(env, dockerEnv{in, i})
				}
			}
			if in.Pairs == nil && strings.Contains(in.Node.Original, "GODEBUG") {
				if g := godebug.Read(rawGodebug(in.Node)); g.On() {
					out = append(out, traceSite{file: t, off: x.start(in), end: x.start(in) + len(in.Name), value: g, where: "the image", names: names, why: "the instruction is written in an unusual way; remove gctrace by hand"})
				}
			}
		case "onbuild":
			if inner := dockerfile.OnlyChild(in.Node); inner != nil && strings.EqualFold(inner.Value, "env") {
				if g := godebug.Read(rawGodebug(inner)); g.On() {
					out = append(out, traceSite{file: t, off: x.start(in), end: x.start(in) + len(in.Name), value: g, where: "images built from this one", names: names, why: "the instruction is for other images; remove gctrace by hand"})
				}
			}
		case "run", "cmd", "entrypoint", "healthcheck":
			commands = append(commands, in)
		case "copy":
			out = append(out, x.copied(in)...)
		}
	}
	// The environment of the image shows where a command sets nothing.
	x.hides = func() bool { return slices.ContainsFunc(env, dockerEnv.more) || hides() }
	for _, in := range commands {
		out = append(out, x.command(in)...)
	}
	if len(env) == 0 {
		return out
	}
	// The last ENV counts, and what it takes over from those before.
	hidden := x.hidden(env, func() bool { return asked() || hides() })
	for i := len(env) - 1; i >= 0; i-- {
		site, refers := x.env(env[:i+1], hidden[i])
		if site.value.On() {
			out = append(out, site)
		}
		if !refers {
			break
		}
	}
	return append(out, x.args(env[len(env)-1])...)
}

type dockerEnv struct {
	in *dockerfile.Instruction
	i  int
}

// raw returns the value as it is written.
func (v dockerEnv) raw() string {
	p := v.in.Pairs[v.i].Value
	return v.in.Text.Text[p.Off:p.End]
}

// more reports whether the variable has more than the trace.
func (v dockerEnv) more() bool {
	inner, _ := span.PlainValue(v.raw())
	return godebug.Read(v.raw()[inner.Off:inner.End]).Rest != ""
}

type dockerTracer struct {
	t     *rewrite.TextFile
	d     *dockerfile.File
	names []string
	hides func() bool // of commands
}

// hidden reports for each of env whether its name has to stay: a value from before
// would come back if it went, that of one before or of another file, or a command
// asks for it, as hides says.
func (x *dockerTracer) hidden(env []dockerEnv, hides func() bool) []bool {
	out := make([]bool, len(env))
	elsewhere := hides()
	for i := range env {
		out[i] = elsewhere || i > 0 && (out[i-1] || env[i-1].more())
	}
	return out
}

// start returns the offset of the instruction's name in the file.
func (x *dockerTracer) start(in *dockerfile.Instruction) int {
	if len(in.Text.Offs) > 0 {
		return in.Text.Offs[0]
	}
	line := bytes.SplitAfterN(x.d.Src, []byte("\n"), in.Node.StartLine)
	return len(x.d.Src) - len(line[len(line)-1])
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

// env returns the site of the last of env, and whether its value takes over what the
// variable held before. With earlier, the variable cannot go: a value from before
// would come back.
func (x *dockerTracer) env(env []dockerEnv, earlier bool) (site traceSite, refers bool) {
	v := env[len(env)-1]
	p := v.in.Pairs[v.i]
	raw := v.in.Text.At(p.Value)
	refers = strings.Contains(raw.Text, "$GODEBUG") || strings.Contains(raw.Text, "${GODEBUG")
	place := raw.File(span.Span{Off: 0, End: len(raw.Text)})
	site = traceSite{file: x.t, off: place.Off, end: place.End, where: "the image", names: x.names}
	inner, plain := span.PlainValue(raw.Text)
	value := raw.At(inner)
	site.value = godebug.Read(value.Text)
	if !plain {
		site.value.Hidden, site.value.Setting = godebug.HiddenTrace.FindString(value.Text), ""
		return site, refers
	}
	if site.value.Setting == "" {
		return site, refers
	}
	at := value.File(site.value.At)
	site.off, site.end = at.Off, at.End
	fix, err := x.envFix(env, value, site.value, earlier)
	if err != nil {
		site.why = err.Error() + "; remove gctrace by hand"
		return site, refers
	}
	site.fix = fix
	return site, refers
}

// envFix removes the trace from the value, that of the last of env, and the variable
// or the whole instruction when nothing else is in it.
func (x *dockerTracer) envFix(env []dockerEnv, value span.FileText, g godebug.Value, earlier bool) (*rewrite.Fix, error) {
	v := env[len(env)-1]
	var edits []span.TextEdit
	message := "remove " + g.Setting + " from GODEBUG"
	drop := g.Rest == "" && !earlier
	switch {
	case drop:
		message = "remove GODEBUG"
		edits = x.d.DropPair(v.in, v.i, aboutTrace)
	case v.in.Pairs[v.i].Whole.Off+len("GODEBUG")+1 != v.in.Pairs[v.i].Value.Off && g.Rest == "":
		return nil, errors.New("the old form of ENV takes no empty value")
	default:
		for _, c := range g.Cuts {
			edits = append(edits, value.Cut(c)...)
		}
	}
	if len(edits) == 0 {
		return nil, errors.New("its place is not clear")
	}
	if err := x.d.Changes(v.in, edits, func(i int, _, value string) (string, bool) {
		if i != v.i {
			return value, true
		}
		inner, _ := span.PlainValue(value)
		return value[:inner.Off] + g.Rest + value[inner.End:], !drop
	}); err != nil {
		return nil, err
	}
	hold := held(v.in, edits)
	if drop {
		edits, hold = x.withEarlier(env, edits, hold)
	}
	return span.SpliceFix(x.t, message, rewrite.Safe, hold, edits), nil
}

// withEarlier adds to the edits that drop the last of env those that drop the ones
// before it, which would be found next and go as it does.
func (x *dockerTracer) withEarlier(env []dockerEnv, edits []span.TextEdit, hold span.Span) ([]span.TextEdit, span.Span) {
	// The instructions that go with all their lines, one below the other, begin with
	// run and end at end; theirs is the first edit.
	run, alone := env[len(env)-1], len(edits) == 1
	end := run.in.Lines[len(run.in.Lines)-1].End
	for _, w := range slices.Backward(env[:len(env)-1]) {
		more, ok := x.dropped(w)
		last := w.in.Lines[len(w.in.Lines)-1].End
		switch {
		case !ok || w.in == run.in:
			return edits, hold
		case alone && len(more) == 1 && len(w.in.Pairs) == 1 && len(run.in.Pairs) == 1 && span.WithComments(x.d.Src, run.in.Lines[0].Off, "#", aboutTrace) == last:
			// Blank lines are looked for around all of them.
			more[0].Span = span.CutLines(x.d.Src, span.Span{Off: w.in.Lines[0].Off, End: end}, "#", aboutTrace)
			edits = edits[1:]
		case more[len(more)-1].End > edits[0].Off:
			return edits, hold
		default:
			end = last
		}
		alone = len(more) == 1
		edits = append(more, edits...)
		hold = span.Span{Off: min(hold.Off, held(w.in, more).Off), End: max(hold.End, edits[len(edits)-1].End)}
		run = w
	}
	return edits, hold
}

// dropped returns the edits that remove the variable w; ok is false if it has more
// than a trace.
func (x *dockerTracer) dropped(w dockerEnv) (edits []span.TextEdit, ok bool) {
	inner, plain := span.PlainValue(w.raw())
	g := godebug.Read(w.raw()[inner.Off:inner.End])
	if !plain || g.Setting == "" || g.Rest != "" {
		return nil, false
	}
	if edits = x.d.DropPair(w.in, w.i, aboutTrace); len(edits) == 0 {
		return nil, false
	}
	return edits, x.d.Changes(w.in, edits, func(i int, _, value string) (string, bool) { return value, i != w.i }) == nil
}

// held returns the lines of in and what the edits change around them.
func held(in *dockerfile.Instruction, edits []span.TextEdit) span.Span {
	first, last := in.Lines[0], in.Lines[len(in.Lines)-1]
	return span.Span{Off: min(first.Off, edits[0].Off), End: max(last.End, edits[len(edits)-1].End)}
}

// args returns the sites of build arguments whose default ends up in the
// variable.
func (x *dockerTracer) args(v dockerEnv) []traceSite {
	p := v.in.Pairs[v.i]
	value := v.in.Text.At(p.Value).Text
	var out []traceSite
	for _, in := range x.d.List {
		if in.Name != "arg" || len(in.Text.Offs) == 0 {
			continue
		}
		for _, w := range dockerfile.Words(in.Text.Text, in.Args, x.d.Escape) {
			name, def, ok := strings.Cut(in.Text.Text[w.Off:w.End], "=")
			if !ok || !strings.Contains(value, "$"+name) && !strings.Contains(value, "${"+name) {
				continue
			}
			def = strings.Trim(def, `"'`)
			g := godebug.Read(def)
			if strings.Contains(value, "gctrace=$"+name) || strings.Contains(value, "gctrace=${"+name) {
				if n, err := strconv.Atoi(def); err == nil && n > 0 {
					g = godebug.Read("gctrace=" + def)
				}
			}
			if !g.On() {
				continue
			}
			at := in.Text.File(w)
			out = append(out, traceSite{file: x.t, off: at.Off, end: at.End, value: g, where: "the image, by the default of a build argument", names: x.names, why: "builds may give another value to the argument; change its default by hand"})
		}
	}
	return out
}
