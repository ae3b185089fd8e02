package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkLanguageServer measures how long an editor waits: for a file that is
// opened as it was seen before, for one that is saved, for the actions at a
// finding, and for a text that nobody has seen (which the server waits a quarter
// of a second for, lest it is changed again). RUNTIMEFIX_LSP names a file to open
// in place of the small module's.
func BenchmarkLanguageServer(b *testing.B) {
	dir, _ := lspModule(b)
	file := filepath.Join(dir, "main.go")
	if name := os.Getenv("RUNTIMEFIX_LSP"); name != "" {
		file = name
		dir = filepath.Dir(file)
	} else if err := os.WriteFile(file, []byte(lspSource), 0o644); err != nil {
		b.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	text := string(data)
	b.Setenv("RUNTIMEFIX_CACHE", b.TempDir())
	e := edit(b, map[string]any{"textDocument": map[string]any{"codeAction": map[string]any{"resolveSupport": map[string]any{"properties": []string{"edit"}}}}}, []string{dir})
	// open shows the file and waits for what is found.
	open := func() []lspDiagnostic {
		e.open(file, text)
		return e.diagnostics(file, 1)
	}
	found := open()
	if len(found) == 0 {
		b.Fatal("nothing is found")
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			open()
		}
	})
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			e.notify("textDocument/didSave", map[string]any{"textDocument": map[string]any{"uri": fileURI(file)}})
			e.diagnostics(file, 1)
		}
	})
	b.Run("actions", func(b *testing.B) {
		for b.Loop() {
			if len(e.actions(file, found[0].Range.Start.Line)) == 0 {
				b.Fatal("no actions")
			}
		}
	})
	version := 1
	b.Run("change", func(b *testing.B) {
		for b.Loop() {
			version++
			e.change(file, fmt.Sprintf("%s\n// %d\n", text, version), version)
			e.diagnostics(file, version)
		}
	})
}
