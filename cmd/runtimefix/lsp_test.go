package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
)

// editor is a client of the language server.
type editor struct {
	t      testing.TB
	client *jrpc2.Client
	pushed chan push
}

// push is a notification of the server.
type push struct {
	method string
	params struct {
		URI         string
		Version     int
		Message     string
		Diagnostics []lspDiagnostic
	}
}

type lspDiagnostic struct {
	Range    lspRange
	Severity int
	Code     string
	Message  string
}

type lspRange struct{ Start, End lspPosition }

type lspPosition struct{ Line, Character int }

type lspAction struct {
	Title, Kind string
	IsPreferred bool
	Edit        *struct {
		Changes map[string][]lspEdit
	}
	Data json.RawMessage `json:"data,omitempty"`
}

type lspEdit struct {
	Range   lspRange
	NewText string
}

// edit starts the server with args.
func edit(t testing.TB, capabilities map[string]any, folders []string, args ...string) *editor {
	t.Helper()
	cmd := exec.Command(program(t), append([]string{"lsp"}, args...)...)
	cmd.Dir = t.TempDir() // it does not matter where an editor starts it
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e := &editor{t: t, pushed: make(chan push, 100)}
	e.client = jrpc2.NewClient(channel.Header("")(out, in), &jrpc2.ClientOptions{
		OnNotify: func(r *jrpc2.Request) {
			p := push{method: r.Method()}
			r.UnmarshalParams(&p.params)
			e.pushed <- p
		},
	})
	t.Cleanup(func() {
		e.request("shutdown", nil, nil)
		e.notify("exit", nil)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the server ends with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the server does not end")
			cmd.Process.Kill()
		}
	})
	var list []map[string]string
	for _, dir := range folders {
		list = append(list, map[string]string{"uri": fileURI(dir), "name": filepath.Base(dir)})
	}
	var res struct{ Capabilities map[string]any }
	e.request("initialize", map[string]any{"processId": nil, "rootUri": nil, "workspaceFolders": list, "capabilities": capabilities}, &res)
	if res.Capabilities["hoverProvider"] != true {
		t.Errorf("capabilities: %v", res.Capabilities)
	}
	e.notify("initialized", map[string]any{})
	return e
}

func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

func (e *editor) request(method string, params, result any) {
	e.t.Helper()
	res, err := e.client.Call(context.Background(), method, params)
	if err != nil {
		e.t.Fatalf("%s: %v", method, err)
	}
	if result != nil {
		if err := res.UnmarshalResult(result); err != nil {
			e.t.Fatalf("%s: %v", method, err)
		}
	}
}

func (e *editor) notify(method string, params any) {
	e.t.Helper()
	if err := e.client.Notify(context.Background(), method, params); err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) open(path, text string) {
	e.t.Helper()
	e.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": fileURI(path), "languageId": "go", "version": 1, "text": text}})
}

func (e *editor) change(path, text string, version int) {
	e.t.Helper()
	e.notify("textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": fileURI(path), "version": version},
		"contentChanges": []map[string]any{{"text": text}},
	})
}

// diagnostics waits for those of one version of a file.
func (e *editor) diagnostics(path string, version int) []lspDiagnostic {
	e.t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case p := <-e.pushed:
			if p.method == "textDocument/publishDiagnostics" && p.params.URI == fileURI(path) && p.params.Version == version {
				return p.params.Diagnostics
			}
		case <-timeout:
			e.t.Fatalf("no diagnostics of version %d of %s", version, path)
		}
	}
}

func (e *editor) actions(path string, line int, only ...string) []lspAction {
	e.t.Helper()
	at := lspPosition{line, 0}
	var list []lspAction
	e.request("textDocument/codeAction", map[string]any{
		"textDocument": map[string]any{"uri": fileURI(path)},
		"range":        map[string]any{"start": lower(at), "end": lower(lspPosition{line, 100})},
		"context":      map[string]any{"diagnostics": []any{}, "only": only},
	}, &list)
	return list
}

func lower(p lspPosition) map[string]int {
	return map[string]int{"line": p.Line, "character": p.Character}
}

// applied returns text after the edits, from the last to the first.
func applied(t *testing.T, text string, edits []lspEdit) string {
	t.Helper()
	for _, e := range slices.Backward(edits) {
		start, end := offsetOf(text, e.Range.Start), offsetOf(text, e.Range.End)
		text = text[:start] + e.NewText + text[end:]
	}
	return text
}

// offsetOf returns the byte offset of a position in UTF-16 code units.
func offsetOf(text string, p lspPosition) int {
	offset := 0
	for range p.Line {
		i := strings.IndexByte(text[offset:], '\n')
		if i < 0 {
			return len(text)
		}
		offset += i + 1
	}
	units := 0
	for i, c := range text[offset:] {
		if units >= p.Character {
			return offset + i
		}
		if units++; c > 0xffff {
			units++
		}
	}
	return len(text)
}

const lspSource = `package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

func main() {
	for {
		fmt.Println("𝄞 x"); runtime.GC()
		peek(nil)
	}
}

func peek(p *int) int {
	debug.SetPanicOnFault(true)
	return *p
}
`

// lspModule writes a module whose main.go on disk has no findings.
func lspModule(t testing.TB) (dir, file string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "with blank ä", "main.go")
	writeTree(t, dir, map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "with blank ä/main.go": "package main\n\nfunc main() {}\n"})
	return dir, file
}

func TestLanguageServer(t *testing.T) {
	dir, _ := lspModule(t)
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e := edit(t, map[string]any{}, []string{dir})

	// The buffer counts, not the file; columns are UTF-16 code units.
	e.open(file, lspSource)
	got := e.diagnostics(file, 1)
	if len(got) != 2 || got[0].Code != "forcedgc" || got[1].Code != "panicfault" || got[0].Severity != 2 {
		t.Fatalf("diagnostics: %+v", got)
	}
	if want := (lspRange{lspPosition{10, 23}, lspPosition{10, 35}}); got[0].Range != want {
		t.Errorf("range %+v, want %+v", got[0].Range, want)
	}

	// The fixes: the safe one is preferred, the unsafe one says what it is.
	actions := e.actions(file, 10)
	titles := func(list []lspAction) string {
		var out []string
		for _, a := range list {
			out = append(out, a.Title)
		}
		return strings.Join(out, "\n")
	}
	if want := "Remove the call\nKeep it: ignore forcedgc here\nFix all that is safe in this file (runtimefix)"; titles(actions) != want || !actions[0].IsPreferred {
		t.Fatalf("actions %+v, want\n%s", actions, want)
	}
	fixed := strings.Replace(strings.Replace(lspSource, "; runtime.GC()", "", 1), "\t\"runtime\"\n", "", 1)
	if text := applied(t, lspSource, actions[0].Edit.Changes[fileURI(file)]); text != fixed {
		t.Errorf("the fix makes\n%s\nwant\n%s", text, fixed)
	}
	if text := applied(t, lspSource, actions[2].Edit.Changes[fileURI(file)]); text != fixed {
		t.Errorf("the fix of all makes\n%s\nwant\n%s", text, fixed)
	}
	ignored := strings.Replace(lspSource, "\t\tfmt", "\t\t//runtimefix:ignore forcedgc TODO: say why\n\t\tfmt", 1)
	if text := applied(t, lspSource, actions[1].Edit.Changes[fileURI(file)]); text != ignored {
		t.Errorf("the comment makes\n%s\nwant\n%s", text, ignored)
	}
	actions = e.actions(file, 16, "quickfix")
	if len(actions) != 2 || actions[0].IsPreferred || !strings.HasSuffix(actions[0].Title, " (unsafe: changes behaviour)") {
		t.Errorf("actions %+v", actions)
	}
	if list := e.actions(file, 3, "source.fixAll"); len(list) != 1 || list[0].Kind != "source.fixAll.runtimefix" {
		t.Errorf("actions %+v", list)
	}

	// The page of the rule.
	var hover *struct{ Contents struct{ Kind, Value string } }
	e.request("textDocument/hover", map[string]any{"textDocument": map[string]any{"uri": fileURI(file)}, "position": map[string]any{"line": 10, "character": 25}}, &hover)
	if hover == nil || hover.Contents.Kind != "markdown" || !strings.HasPrefix(hover.Contents.Value, "# forcedgc: ") {
		t.Errorf("hover: %+v", hover)
	}
	hover = nil
	e.request("textDocument/hover", map[string]any{"textDocument": map[string]any{"uri": fileURI(file)}, "position": map[string]any{"line": 2, "character": 0}}, &hover)
	if hover != nil {
		t.Errorf("hover where nothing is: %+v", hover)
	}

	// What is fixed or ignored is gone.
	e.change(file, fixed, 2)
	if got := e.diagnostics(file, 2); len(got) != 1 || got[0].Code != "panicfault" {
		t.Errorf("after the fix: %+v", got)
	}
	e.change(file, ignored, 3)
	if got := e.diagnostics(file, 3); len(got) != 1 || got[0].Code != "panicfault" {
		t.Errorf("after the comment: %+v", got)
	}
	// Code that does not parse is no error.
	e.change(file, "package main\n\nfunc {", 4)
	e.diagnostics(file, 4)
	if data, err := os.ReadFile(file); err != nil || string(data) != "package main\n\nfunc main() {}\n" {
		t.Errorf("the file was written: %q, %v", data, err)
	}
}

// Two folders with a configuration and modules of their own, a file with odd
// letters in its path, and a Dockerfile.
func TestLanguageServerFolders(t *testing.T) {
	dir, odd := lspModule(t)
	other, _ := lspModule(t)
	file := filepath.Join(other, "x.go")
	docker := filepath.Join(other, "Dockerfile")
	for name, text := range map[string]string{filepath.Join(other, ".runtimefix.yaml"): "severity: {forcedgc: error}\ndisable: [panicfault]\n", file: lspSource, docker: "FROM a\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e := edit(t, map[string]any{"general": map[string]any{"positionEncodings": []string{"utf-8", "utf-16"}}}, []string{dir, other})
	e.open(file, lspSource)
	got := e.diagnostics(file, 1)
	if len(got) != 1 || got[0].Severity != 1 || got[0].Range.Start != (lspPosition{10, 25}) {
		t.Errorf("diagnostics: %+v", got)
	}
	e.open(docker, "FROM a\nENV GODEBUG=gctrace=1\n")
	if got := e.diagnostics(docker, 1); len(got) != 1 || got[0].Code != "gctrace" {
		t.Errorf("diagnostics: %+v", got)
	}
	e.open(odd, "package main\n\nfunc main() {}\n")
	if got := e.diagnostics(odd, 1); len(got) != 0 {
		t.Errorf("diagnostics: %+v", got)
	}
	// A mistake in the configuration is shown, and the server lives on.
	if err := os.WriteFile(filepath.Join(other, ".runtimefix.yaml"), []byte("colour: red\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e.change(file, lspSource+"\n", 2)
	for p := range e.pushed {
		if p.method == "window/showMessage" {
			if !strings.Contains(p.params.Message, `unknown key "colour"`) {
				t.Errorf("message %q", p.params.Message)
			}
			break
		}
	}
	e.notify("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": fileURI(docker)}})
	if got := e.diagnostics(docker, 0); len(got) != 0 {
		t.Errorf("a closed file keeps %+v", got)
	}
	// A request that is cancelled is answered.
	e.notify("$/cancelRequest", map[string]any{"id": 999})
	e.request("workspace/didChangeConfiguration", nil, nil)
}
