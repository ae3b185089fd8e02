package gctrace

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/command"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/internal/dockerfile"
	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// command returns the sites in the shell command of an instruction.
func (x *dockerTracer) command(in *dockerfile.Instruction) []traceSite {
	const byHand = "; remove gctrace by hand"
	where, safety, effect := "the image's command", rewrite.Safe, ""
	if in.Name == "run" {
		where, safety, effect = "a command of the build", rewrite.Unsafe, "; what the build step prints changes"
	}
	var out []traceSite
	report := func(text, why string) {
		s := &script{t: x.t, text: span.WholeText([]byte(text), span.Span{Off: 0, End: len(text)}), where: where, names: x.names}
		for _, site := range s.traces() {
			site.off, site.end = x.start(in), x.start(in)+len(in.Name)
			site.fix, site.why = nil, why+byHand
			out = append(out, site)
		}
	}
	node := in.Node.Next
	if in.Name == "healthcheck" && node != nil {
		node = node.Next
	}
	switch {
	case node == nil:
	case in.Node.Attributes["json"]:
		out = append(out, x.words(in, node, where, safety, effect)...)
	case len(in.Node.Heredocs) > 0:
		if !slices.Contains([]string{"", "sh", "bash"}, shellOf(in)) {
			break
		}
		for _, h := range in.Node.Heredocs {
			out = append(out, x.heredoc(in, h, where, effect)...)
		}
	default:
		text := strings.TrimRightFunc(in.Text.Text, unicode.IsSpace)
		if !strings.HasSuffix(text, node.Value) || x.d.Escape != '\\' {
			report(node.Value, "its place is not clear")
			break
		}
		s := &script{t: x.t, text: in.Text.At(span.Span{Off: len(text) - len(node.Value), End: len(text)}), where: where, names: x.names, safety: safety, effect: effect, hides: x.hides}
		out = append(out, s.traces()...)
	}
	return out
}

// words returns the sites in the words of a command that is a list, from node on.
func (x *dockerTracer) words(in *dockerfile.Instruction, node *parser.Node, where string, safety rewrite.Safety, effect string) []traceSite {
	const byHand = "it is part of a list of arguments; remove gctrace by hand"
	var words []string
	for n := node; n != nil; n = n.Next {
		words = append(words, n.Value)
	}
	var out []traceSite
	for i, role := range command.Roles(words) {
		switch value, ok := strings.CutPrefix(words[i], "GODEBUG="); role {
		case command.Variable:
			if g := godebug.Read(value); ok && g.On() {
				site := traceSite{file: x.t, off: x.start(in), end: x.start(in) + len(in.Name), value: g, where: where, names: x.names, why: byHand}
				x.operand(in, words[i], i+1 < len(words), &site, safety, effect)
				out = append(out, site)
			}
		case command.Script:
			s := &script{t: x.t, where: where, names: x.names, safety: safety, effect: effect, hides: x.hides}
			text, quoted := in.Text.Text, `"`+words[i]+`"`
			at := strings.Index(text, quoted)
			placed := strings.Count(text, quoted) == 1 && !strings.ContainsAny(words[i], "\"\\")
			if placed {
				s.text = in.Text.At(span.Span{Off: at + 1, End: at + len(quoted) - 1})
			} else {
				s.text = span.WholeText([]byte(words[i]), span.Span{Off: 0, End: len(words[i])})
			}
			for _, site := range s.traces() {
				if !placed {
					site.off, site.end = x.start(in), x.start(in)+len(in.Name)
					site.fix, site.why = nil, byHand
				}
				out = append(out, site)
			}
		}
	}
	return out
}

// operand gives the site of an operand of env its place and fix, where the list
// holds it once as it is, and a command behind it.
func (x *dockerTracer) operand(in *dockerfile.Instruction, word string, more bool, site *traceSite, safety rewrite.Safety, effect string) {
	text, quoted := in.Text.Text, `"`+word+`"`
	at := strings.Index(text, quoted)
	g := site.value
	if g.Setting == "" || !more || strings.Count(text, quoted) != 1 || strings.ContainsAny(word, "\"\\") {
		return
	}
	value := in.Text.At(span.Span{Off: at + len(`"GODEBUG=`), End: at + len(quoted) - 1})
	here := value.File(g.At)
	message, edits := "remove GODEBUG", []span.TextEdit(nil)
	if g.Rest != "" || x.hides() {
		message = "remove " + g.Setting + " from GODEBUG"
		for _, c := range g.Cuts {
			edits = append(edits, value.Cut(c)...)
		}
	} else {
		rest := strings.TrimLeft(text[at+len(quoted):], " \t")
		if !strings.HasPrefix(rest, ",") {
			return
		}
		cut := in.Text.File(span.Span{Off: at, End: len(text) - len(strings.TrimLeft(rest[1:], " \t"))})
		if bytes.ContainsRune(x.d.Src[cut.Off:cut.End], '#') {
			return // a comment between its lines
		}
		edits = []span.TextEdit{{Span: cut}}
	}
	site.off, site.end, site.why = here.Off, here.End, ""
	site.fix = span.SpliceFix(x.t, message+effect, safety, held(in, edits), edits)
}

// shellOf returns the command before the here-document of a RUN.
func shellOf(in *dockerfile.Instruction) string {
	_, rest, _ := strings.Cut(in.Node.Original, " ")
	command, _, _ := strings.Cut(rest, "<<")
	return strings.TrimSpace(command)
}

// copied returns the sites in the scripts that a COPY writes out.
func (x *dockerTracer) copied(in *dockerfile.Instruction) []traceSite {
	var out []traceSite
	for _, h := range in.Node.Heredocs {
		if rewrite.NamesShell([]byte(strings.TrimLeft(h.Content, "\t"))) {
			out = append(out, x.heredoc(in, h, "what a script of the image starts", "; a script may be there for its trace")...)
		}
	}
	return out
}

// heredoc returns the sites in the script that a here-document is.
func (x *dockerTracer) heredoc(in *dockerfile.Instruction, h parser.Heredoc, where, effect string) []traceSite {
	s := &script{t: x.t, where: where, names: x.names, safety: rewrite.Unsafe, effect: effect, lines: true, hides: x.hides}
	off := x.start(in)
	i := bytes.Index(x.d.Src[off:], []byte("\n"+h.Content))
	if placed := !h.Chomp && h.Content != "" && i >= 0; placed {
		s.text = span.WholeText(x.d.Src, span.Span{Off: off + i + 1, End: off + i + 1 + len(h.Content)})
		return s.traces()
	}
	s.text = span.WholeText([]byte(h.Content), span.Span{Off: 0, End: len(h.Content)})
	var out []traceSite
	for _, site := range s.traces() {
		site.off, site.end = off, off+len(in.Name)
		site.fix, site.why = nil, "it is part of a here-document; remove gctrace by hand"
		out = append(out, site)
	}
	return out
}
