package lsp

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
)

// A request whose check is under way ends when the client cancels it, and a
// check of a text that changed meanwhile ends by itself.
func TestCancel(t *testing.T) {
	started, ended := make(chan string, 10), make(chan string, 10)
	check := func(ctx context.Context, q Query) (*Answer, error) {
		for _, text := range q.Overlay {
			started <- string(text)
			<-ctx.Done()
			ended <- string(text)
		}
		return nil, ctx.Err()
	}
	clientIn, serverOut := io.Pipe()
	serverIn, clientOut := io.Pipe()
	served := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { served <- Serve(ctx, serverIn, serverOut, "x", check) }()
	c := jrpc2.NewClient(channel.Header("")(clientIn, clientOut), nil)
	send := func(method, params string) {
		t.Helper()
		if err := c.Notify(context.Background(), method, json.RawMessage(params)); err != nil {
			t.Fatal(err)
		}
	}
	send("textDocument/didOpen", `{"textDocument":{"uri":"file:///a.go","version":1,"text":"one"}}`)
	if got := <-started; got != "one" {
		t.Fatalf("checked %q", got)
	}
	send("textDocument/didChange", `{"textDocument":{"uri":"file:///a.go","version":2},"contentChanges":[{"text":"two"}]}`)
	if got := <-ended; got != "one" {
		t.Fatalf("%q ended", got)
	}
	if got := <-started; got != "two" {
		t.Fatalf("checked %q", got)
	}
	// The engine is busy: the request waits for it.
	answered := make(chan error, 1)
	asking, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, err := c.Call(asking, "textDocument/hover", json.RawMessage(`{"textDocument":{"uri":"file:///a.go"},"position":{"line":0,"character":0}}`))
		answered <- err
	}()
	for range 20 { // the number of the request is the client's affair
		send("$/cancelRequest", `{"id":1}`)
	}
	send("textDocument/didClose", `{"textDocument":{"uri":"file:///a.go"}}`)
	if got := <-ended; got != "two" {
		t.Fatalf("%q ended", got)
	}
	if err := <-answered; err != nil && !strings.Contains(err.Error(), "cancel") {
		t.Errorf("the request is answered by %v", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestPositions(t *testing.T) {
	const s = "a\r\nä𝄞z\n\nend"
	for _, inUTF8 := range []bool{false, true} {
		tx := newText([]byte(s), inUTF8)
		for offset := range len(s) + 1 {
			if offset < len(s) && !utf8.RuneStart(s[offset]) {
				continue
			}
			p := tx.at(offset)
			if p.Line != strings.Count(s[:offset], "\n") {
				t.Errorf("offset %d is on line %d", offset, p.Line)
			}
			line := s[strings.LastIndexByte(s[:offset], '\n')+1 : offset]
			want := len(line)
			if !inUTF8 {
				want = strings.Count(line, "") - 1 + strings.Count(line, "𝄞")
			}
			if p.Character != want {
				t.Errorf("offset %d (%v): character %d, want %d", offset, inUTF8, p.Character, want)
			}
		}
	}
}

func TestPaths(t *testing.T) {
	for _, path := range []string{"/a/b.go", "/with blank/ä#?.go", "/100%/x.go"} {
		if got := toPath(toURI(path)); got != path {
			t.Errorf("%q becomes %q", path, got)
		}
	}
	for _, uri := range []string{"untitled:1", "http://x/a.go", "%", "git:/a.go?x"} {
		if got := toPath(uri); got != "" {
			t.Errorf("%q is the file %q", uri, got)
		}
	}
}
