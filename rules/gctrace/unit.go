package gctrace

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules/gctrace/godebug"
	"github.com/runtimefix/runtimefix/rules/internal/dockerfile"
	"github.com/runtimefix/runtimefix/rules/internal/span"
)

// setting is a line key=value of a unit, a supervisor configuration or an .env
// file, with the lines on which its value goes on.
type setting struct {
	section, key string
	lines        span.Span // whole lines
	keyAt        span.Span // the key
	value        span.FileText
	items        []envItem
}

// envItem is one NAME=value in the value of a setting; ranges are those of the
// value's text.
type envItem struct {
	name  string
	whole span.Span
	value span.Span // without quotes
	plain bool      // every byte of the value stands for itself
}

// settings reads src as systemd does (systemd.syntax(7)): sections, settings,
// comments that begin with # or ;, values that go on behind a backslash.
func settings(src []byte) []setting {
	var out []setting
	section := ""
	off := 0
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		off = 3
	}
	for off < len(src) {
		end := span.LineEnd(src, off)
		line := strings.TrimSpace(string(src[off:end]))
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
		default:
			key, _, ok := bytes.Cut(src[off:end], []byte("="))
			if !ok {
				break
			}
			name := strings.TrimSpace(string(key))
			at := off + bytes.Index(key, []byte(name))
			x := setting{section: section, key: name, keyAt: span.Span{Off: at, End: off + len(key) + 1}}
			pos, first := off+len(key)+1, off
			for {
				body := bytes.TrimRight(src[pos:end], "\r\n")
				more := bytes.HasSuffix(body, []byte("\\"))
				body = bytes.TrimSuffix(body, []byte("\\"))
				part := span.WholeText(src, span.Span{Off: pos, End: pos + len(body)})
				x.value = span.FileText{Text: x.value.Text + part.Text, Offs: append(x.value.Offs, part.Offs...)}
				// Comments between the lines do not end the value.
				for more && end < len(src) {
					next := span.LineEnd(src, end)
					if c := strings.TrimSpace(string(src[end:next])); c == "" || c[0] != '#' && c[0] != ';' {
						break
					}
					end = next
				}
				if !more || end == len(src) {
					break
				}
				pos, end = end, span.LineEnd(src, end)
			}
			x.lines = span.Span{Off: first, End: end}
			out = append(out, x)
		}
		off = end
	}
	return out
}

// systemdItems splits the value of an Environment setting: assignments apart by
// blanks, in quotes as a whole or in part (systemd.exec(5)).
func systemdItems(text string) []envItem {
	var out []envItem
	for _, w := range dockerfile.Words(text, 0, '\\') {
		raw := text[w.Off:w.End]
		x := envItem{whole: w}
		inner, plain := span.PlainValue(raw)
		name, _, ok := strings.Cut(raw[inner.Off:inner.End], "=")
		if !ok {
			x.name = raw
			out = append(out, x)
			continue
		}
		x.name = name
		v := span.Span{Off: w.Off + inner.Off + len(name) + 1, End: w.Off + inner.End}
		if inner.Off == 0 {
			in, p := span.PlainValue(text[v.Off:v.End])
			v, plain = span.Span{Off: v.Off + in.Off, End: v.Off + in.End}, p
		}
		x.value, x.plain = v, plain
		out = append(out, x)
	}
	return out
}

// supervisorItems splits the value of an environment setting of supervisor:
// assignments apart by commas, values in quotes.
func supervisorItems(text string) []envItem {
	var out []envItem
	var quote byte
	begin := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) {
			switch c := text[i]; {
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case c == quote:
				quote = 0
			}
			if quote != 0 || text[i] != ',' {
				continue
			}
		}
		raw := text[begin:i]
		trimmed := strings.TrimSpace(raw)
		if trimmed != "" {
			at := begin + strings.Index(raw, trimmed)
			x := envItem{whole: span.Span{Off: at, End: at + len(trimmed)}}
			if name, v, ok := strings.Cut(trimmed, "="); ok {
				x.name = strings.TrimSpace(name)
				inner, plain := span.PlainValue(v)
				from := at + len(name) + 1
				x.value, x.plain = span.Span{Off: from + inner.Off, End: from + inner.End}, plain
			}
			out = append(out, x)
		}
		begin = i + 1
	}
	return out
}

// unitTraces returns the places of a systemd unit, drop-in or Quadlet file that
// switch traces on.
func unitTraces(t *rewrite.TextFile, hides func() bool) []traceSite {
	return settingTraces(t, systemdFormat, hides)
}

// supervisorTraces returns those of a configuration of supervisor.
func supervisorTraces(t *rewrite.TextFile, hides func() bool) []traceSite {
	return settingTraces(t, supervisorFormat, hides)
}

// envFormat is a format of files whose settings hold environments.
type envFormat struct {
	read    func(src []byte) []setting // with the items of environments
	where   string
	comment string
	safety  rewrite.Safety
	effect  string // of an unsafe fix
	comma   bool   // items are apart by commas
	systemd bool   // an empty Environment resets what came before
}

var systemdFormat = envFormat{
	read: func(src []byte) []setting {
		list := settings(src)
		for i, x := range list {
			if x.key == "Environment" && (x.section == "Service" || x.section == "Container") {
				list[i].items = systemdItems(x.value.Text)
			}
		}
		return list
	},
	where: "the unit", comment: "#;", safety: rewrite.Safe, systemd: true,
}

var supervisorFormat = envFormat{
	read:  supervisorSettings,
	where: "the program", comment: "#;", safety: rewrite.Safe, comma: true,
}

// supervisorSettings reads src as supervisor does: an INI file whose values go
// on over indented lines. Only the environments are of interest.
func supervisorSettings(src []byte) []setting {
	var out []setting
	section := ""
	for off := 0; off < len(src); {
		end := span.LineEnd(src, off)
		line := strings.TrimSpace(string(src[off:end]))
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && strings.Contains(line, "]"):
			section = line[1:strings.Index(line, "]")]
		case src[off] == ' ' || src[off] == '\t':
		default:
			i := bytes.IndexAny(src[off:end], "=:")
			if i < 0 {
				break
			}
			x := setting{section: section, key: strings.ToLower(strings.TrimSpace(string(src[off : off+i]))), keyAt: span.Span{Off: off, End: off + i + 1}}
			last := end
			for last < len(src) && (src[last] == ' ' || src[last] == '\t') && !span.Blank(src[last:span.LineEnd(src, last)]) {
				last = span.LineEnd(src, last)
			}
			stop := off + i + 1 + len(bytes.TrimRight(src[off+i+1:last], "\r\n"))
			x.value, x.lines = span.WholeText(src, span.Span{Off: off + i + 1, End: stop}), span.Span{Off: off, End: last}
			if c := strings.Index(x.value.Text, " ;"); c >= 0 && !strings.Contains(x.value.Text, "\n") {
				x.value = x.value.At(span.Span{Off: 0, End: c})
			}
			kind, _, _ := strings.Cut(section, ":")
			if x.key == "environment" && slices.Contains([]string{"supervisord", "program", "eventlistener", "fcgi-program"}, kind) {
				x.items = supervisorItems(x.value.Text)
			}
			out, end = append(out, x), last
		}
		off = end
	}
	return out
}

// envFileFormat is that of .env files: a variable a line, with or without
// export, quoted or not.
var envFileFormat = envFormat{
	read: func(src []byte) []setting {
		var out []setting
		for off := 0; off < len(src); {
			end := span.LineEnd(src, off)
			line := string(bytes.TrimRight(src[off:end], "\r\n"))
			trimmed := strings.TrimLeft(line, " \t")
			at := off + len(line) - len(trimmed)
			name, v, ok := strings.Cut(trimmed, "=")
			if ok && trimmed[0] != '#' {
				key := strings.TrimSpace(strings.TrimPrefix(name, "export "))
				x := setting{key: key, lines: span.Span{Off: off, End: end}, keyAt: span.Span{Off: at, End: at + len(name) + 1}}
				if i := closingQuote(v); i > 0 {
					v = v[:i+1]
				} else {
					if i := strings.Index(v, " #"); i >= 0 {
						v = v[:i]
					}
				}
				v = strings.TrimRight(v, " \t")
				whole := span.Span{Off: at, End: at + len(name) + 1 + len(v)}
				x.value = span.WholeText(src, whole)
				inner, plain := span.PlainValue(v)
				x.items = []envItem{{name: key, whole: span.Span{Off: 0, End: len(x.value.Text)}, value: span.Span{Off: len(name) + 1 + inner.Off, End: len(name) + 1 + inner.End}, plain: plain}}
				out = append(out, x)
			}
			off = end
		}
		return out
	},
	where: "whoever reads the file", comment: "#", safety: rewrite.Unsafe, effect: "; a developer may have set it for a look at the collector",
}

// closingQuote returns the index of the quote that closes the one that v begins
// with; 0 when it begins with none, or that stays open.
func closingQuote(v string) int {
	if v == "" || v[0] != '"' && v[0] != '\'' {
		return 0
	}
	return strings.IndexByte(v[1:], v[0]) + 1
}

// namedEnvTraces returns the places of a file that a unit takes its environment
// from: it is deployed with the unit.
func namedEnvTraces(t *rewrite.TextFile, hides func() bool) []traceSite {
	format := envFileFormat
	format.where, format.safety, format.effect = "the unit", rewrite.Safe, ""
	return settingTraces(t, format, hides)
}

// settingTraces returns the places of a file of settings that switch traces on.
// With hides, the variable keeps its name: another value would show without it.
func settingTraces(t *rewrite.TextFile, format envFormat, hides func() bool) []traceSite {
	type place struct{ i, k int }
	list := format.read(t.Src)
	last := make(map[string][]place) // GODEBUG by section
	for i, x := range list {
		if format.systemd && x.key == "Environment" && strings.TrimSpace(x.value.Text) == "" {
			delete(last, x.section) // an empty setting resets what came before
		}
		for k, item := range x.items {
			if item.name == "GODEBUG" {
				last[x.section] = append(last[x.section], place{i, k})
			}
		}
	}
	var out []traceSite
	for i, x := range list {
		for k, item := range x.items {
			places := last[x.section]
			if item.name != "GODEBUG" || len(places) == 0 || places[len(places)-1] != (place{i, k}) {
				continue // another one takes its place
			}
			value := x.value.At(item.value)
			g := godebug.Read(value.Text)
			if !g.On() {
				continue
			}
			at := x.value.File(item.whole)
			site := traceSite{file: t, off: at.Off, end: at.End, value: g, where: format.where, names: []string{x.section}}
			switch {
			case g.Setting == "":
			case !item.plain:
				site.why = "the value is quoted in an unusual way; remove gctrace by hand"
			default:
				at := value.File(g.At)
				site.off, site.end = at.Off, at.End
				others := places[:len(places)-1]
				if x.section != "supervisord" {
					others = append(slices.Clone(others), last["supervisord"]...) // programs inherit it
				}
				earlier := slices.ContainsFunc(others, func(p place) bool {
					v := list[p.i].items[p.k].value
					return godebug.Read(list[p.i].value.Text[v.Off:v.End]).Rest != ""
				}) || g.Rest == "" && hides()
				fix, err := settingFix(t, format, list, i, k, g, earlier)
				if err != nil {
					site.why = err.Error() + "; remove gctrace by hand"
				}
				site.fix = fix
			}
			out = append(out, site)
		}
		if format.systemd && strings.HasPrefix(x.key, "Exec") {
			run := &script{t: t, text: x.value, where: format.where, safety: rewrite.Safe, hides: hides}
			for _, site := range run.traces() {
				if slices.ContainsFunc(list, func(y setting) bool {
					return slices.ContainsFunc(y.items, func(item envItem) bool { return item.name == "GODEBUG" })
				}) {
					site.fix, site.why = nil, "the unit sets GODEBUG in its environment, too; remove gctrace by hand"
				}
				out = append(out, site)
			}
		}
	}
	return out
}

// settingFix removes the trace from the k-th item of the i-th setting. With
// earlier, the variable stays with an empty value, so that none from before
// comes back.
func settingFix(t *rewrite.TextFile, format envFormat, list []setting, i, k int, g godebug.Value, earlier bool) (*rewrite.Fix, error) {
	x := list[i]
	var edits []span.TextEdit
	drop := g.Rest == "" && !earlier
	message := "remove " + g.Setting + " from GODEBUG" + format.effect
	switch {
	case !drop:
		value := x.value.At(x.items[k].value)
		for _, c := range g.Cuts {
			edits = append(edits, value.Cut(c)...)
		}
	case len(x.items) == 1:
		message = "remove GODEBUG" + format.effect
		edits = []span.TextEdit{{Span: span.CutLines(t.Src, x.lines, format.comment, aboutTrace)}}
		if bytes.ContainsAny(bytes.TrimSpace(t.Src[x.value.File(x.items[0].whole).End:x.lines.End]), format.comment) {
			return nil, errors.New("a comment stands behind it")
		}
	default:
		message = "remove GODEBUG" + format.effect
		var items []span.Span
		for _, item := range x.items {
			items = append(items, x.value.File(item.whole))
		}
		if format.comma {
			if k+1 < len(items) {
				edits = []span.TextEdit{{Span: span.Span{Off: items[k].Off, End: items[k+1].Off}}}
			} else {
				edits = []span.TextEdit{{Span: span.Span{Off: items[k-1].End, End: items[k].End}}}
			}
		} else {
			edits = span.DropItem(t.Src, x.keyAt, items, k, format.comment, aboutTrace)
		}
	}
	if len(edits) == 0 {
		return nil, errors.New("its place is not clear")
	}
	want := settingContents(list, func(a, b int, text string) (string, bool) {
		if a != i || b != k {
			return text, true
		}
		return g.Rest, !drop
	})
	if !slices.Equal(want, settingContents(format.read(span.Spliced(t.Src, edits)), nil)) {
		return nil, errors.New("more than that would change")
	}
	hold := span.Span{Off: min(x.lines.Off, edits[0].Off), End: max(x.lines.End, edits[len(edits)-1].End)}
	return span.SpliceFix(t, message, format.safety, hold, edits), nil
}

// settingContents writes what the settings say. The value of an item is written
// through item.
func settingContents(list []setting, item func(i, k int, value string) (string, bool)) []string {
	var out []string
	for i, x := range list {
		if x.items == nil {
			out = append(out, fmt.Sprintf("%s %s %q", x.section, x.key, strings.Fields(x.value.Text)))
			continue
		}
		some := false
		text := fmt.Sprintf("%s %s", x.section, x.key)
		for k, y := range x.items {
			value, keep := x.value.Text[y.value.Off:y.value.End], true
			if item != nil {
				value, keep = item(i, k, value)
			}
			if keep {
				some = true
				text += fmt.Sprintf(" %q=%q", y.name, value)
			}
		}
		if some {
			out = append(out, text)
		}
	}
	return out
}

// tomlTraces reports lines GODEBUG = "gctrace=1", as in the [env] of a fly.toml.
func tomlTraces(t *rewrite.TextFile) []traceSite {
	var out []traceSite
	for off := 0; off < len(t.Src); off = span.LineEnd(t.Src, off) {
		line := strings.TrimSpace(string(t.Src[off:span.LineEnd(t.Src, off)]))
		key, v, ok := strings.Cut(line, "=")
		if !ok || strings.Trim(strings.TrimSpace(key), `"'`) != "GODEBUG" {
			continue
		}
		v = strings.TrimSpace(v)
		if len(v) < 2 || v[0] != '"' && v[0] != '\'' || strings.IndexByte(v[1:], v[0]) < 0 {
			continue
		}
		v = v[1 : 1+strings.IndexByte(v[1:], v[0])]
		if g := godebug.Read(v); g.On() {
			at := off + bytes.Index(t.Src[off:], []byte("GODEBUG"))
			out = append(out, traceSite{file: t, off: at, end: at + len("GODEBUG"), value: g, where: "the application", why: "TOML files are not edited; remove gctrace by hand"})
		}
	}
	return out
}
