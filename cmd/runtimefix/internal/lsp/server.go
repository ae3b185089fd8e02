// Package lsp is a language server: it publishes findings as diagnostics while
// files are edited, and offers their fixes as code actions.
package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/format"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Query asks for what there is in one file.
type Query struct {
	Dir, File string
	// Overlay holds the buffers that are not saved, by absolute path.
	Overlay map[string][]byte
	// Fix asks for the changes of all safe fixes in the file.
	Fix bool
}

// Answer is what there is.
type Answer struct {
	Findings []format.Finding // with their fixes' edits, unless Query.Fix
	Changes  []rewrite.Change // with Query.Fix
	Problems []string         // what could not be checked
}

// Checker runs the engine.
type Checker func(context.Context, Query) (*Answer, error)

// server is the state of one session.
type server struct {
	check   Checker
	version string
	rpc     *jrpc2.Server
	stop    context.CancelFunc
	ctx     context.Context // ends with the session

	engine chan struct{} // holds one: the engine runs once at a time

	mu       sync.Mutex
	utf8     bool
	resolves bool // the client asks for the edit of an action that it applies
	folders  []string
	docs     map[string]*document // by path
	said     map[string]bool      // messages that were shown
}

// document is an open buffer.
type document struct {
	uri     string
	version int
	text    []byte
	cancel  context.CancelFunc // of the check under way
	known   *checked
}

// checked is the result of a check of one state of a document.
type checked struct {
	text     *text
	findings []format.Finding
}

// debounce is how long the server waits for more changes of a buffer.
const debounce = 250 * time.Millisecond

// Serve talks to the client over in and out until it leaves or ctx ends.
func Serve(ctx context.Context, in io.Reader, out io.WriteCloser, version string, check Checker) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &server{check: check, version: version, ctx: ctx, stop: stop, engine: make(chan struct{}, 1), docs: make(map[string]*document), said: make(map[string]bool)}
	s.rpc = jrpc2.NewServer(s.methods(), &jrpc2.ServerOptions{AllowPush: true, Concurrency: 8})
	s.rpc.Start(channel.Header("")(in, out))
	ended := make(chan error, 1)
	go func() { ended <- s.rpc.Wait() }()
	select {
	case <-ctx.Done():
		return nil // a read from the client may wait for ever
	case err := <-ended:
		if err != nil && !channel.IsErrClosing(err) {
			return fmt.Errorf("language server: %w", err)
		}
		return nil
	}
}

func (s *server) methods() handler.Map {
	nothing := func(context.Context, *jrpc2.Request) (any, error) { return nil, nil }
	return handler.Map{
		"initialize":                          handler.New(s.initialize),
		"initialized":                         nothing,
		"shutdown":                            nothing, // exit follows
		"exit":                                handler.New(s.exit),
		"$/cancelRequest":                     handler.New(s.cancelRequest),
		"$/setTrace":                          nothing,
		"textDocument/didOpen":                handler.New(s.didOpen),
		"textDocument/didChange":              handler.New(s.didChange),
		"textDocument/didSave":                handler.New(s.didSave),
		"textDocument/didClose":               handler.New(s.didClose),
		"textDocument/codeAction":             handler.New(s.codeAction),
		"codeAction/resolve":                  handler.New(s.resolve),
		"textDocument/hover":                  handler.New(s.hover),
		"workspace/didChangeWorkspaceFolders": handler.New(s.didChangeFolders),
		"workspace/didChangeConfiguration":    nothing,
		"workspace/didChangeWatchedFiles":     nothing,
	}
}

func (s *server) initialize(_ context.Context, p initializeParams) (*initializeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.utf8 = slices.Contains(p.Capabilities.General.PositionEncodings, "utf-8")
	s.resolves = slices.Contains(p.Capabilities.TextDocument.CodeAction.ResolveSupport.Properties, "edit")
	for _, f := range append(p.WorkspaceFolders, workspaceFolder{p.RootURI}) {
		if path := toPath(f.URI); path != "" && !slices.Contains(s.folders, path) {
			s.folders = append(s.folders, path)
		}
	}
	res := &initializeResult{ServerInfo: serverInfo{"runtimefix", s.version}}
	c := &res.Capabilities
	c.PositionEncoding = "utf-16"
	if s.utf8 {
		c.PositionEncoding = "utf-8"
	}
	c.TextDocumentSync = textDocumentSync{OpenClose: true, Change: 1, Save: true}
	c.HoverProvider = true
	c.CodeActionProvider = codeActionOptions{CodeActionKinds: []string{quickFix, fixAll}, ResolveProvider: true}
	c.Workspace.WorkspaceFolders = workspaceFoldersOptions{Supported: true, ChangeNotifications: true}
	return res, nil
}

func (s *server) exit(context.Context) error {
	s.stop()
	return nil
}

func (s *server) cancelRequest(_ context.Context, p cancelParams) error {
	s.rpc.CancelRequest(string(p.ID))
	return nil
}

func (s *server) didChangeFolders(_ context.Context, p foldersParams) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range p.Event.Removed {
		s.folders = slices.DeleteFunc(s.folders, func(dir string) bool { return dir == toPath(f.URI) })
	}
	for _, f := range p.Event.Added {
		if path := toPath(f.URI); path != "" {
			s.folders = append(s.folders, path)
		}
	}
	return nil
}

func (s *server) didOpen(_ context.Context, p openParams) error {
	d := p.TextDocument
	return s.update(d.URI, d.Version, []byte(d.Text), 0)
}

func (s *server) didChange(_ context.Context, p changeParams) error {
	n := len(p.ContentChanges)
	if n == 0 {
		return nil
	}
	version := 0
	if p.TextDocument.Version != nil {
		version = *p.TextDocument.Version
	}
	return s.update(p.TextDocument.URI, version, []byte(p.ContentChanges[n-1].Text), debounce)
}

func (s *server) didSave(_ context.Context, p documentParams) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// What another file says may matter for any of them.
	for path, d := range s.docs {
		s.schedule(path, d, 0)
	}
	return nil
}

func (s *server) didClose(ctx context.Context, p documentParams) error {
	path := toPath(p.TextDocument.URI)
	s.mu.Lock()
	if d := s.docs[path]; d != nil && d.cancel != nil {
		d.cancel()
	}
	delete(s.docs, path)
	s.mu.Unlock()
	return s.rpc.Notify(ctx, "textDocument/publishDiagnostics", publishParams{URI: p.TextDocument.URI, Diagnostics: []diagnostic{}})
}

// update takes over the text of a buffer and has it checked.
func (s *server) update(uri string, version int, data []byte, wait time.Duration) error {
	path := toPath(uri)
	if path == "" {
		return nil // not a file: nothing can be loaded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.docs[path]
	if d == nil {
		d = &document{uri: uri}
		s.docs[path] = d
	}
	d.version, d.text, d.known = version, data, nil
	s.schedule(path, d, wait)
	return nil
}

// schedule starts a check of a document, in place of the one under way. s.mu is
// held.
func (s *server) schedule(path string, d *document, wait time.Duration) {
	if d.cancel != nil {
		d.cancel()
	}
	ctx, cancel := context.WithCancel(s.ctx)
	d.cancel = cancel
	d.known = nil
	go func() {
		defer cancel()
		select {
		case <-time.After(wait):
			s.publish(ctx, path)
		case <-ctx.Done():
		}
	}()
}

// publish checks a document and sends what there is.
func (s *server) publish(ctx context.Context, path string) {
	known, err := s.look(ctx, path)
	if err != nil || known == nil {
		s.complain(ctx, err)
		return
	}
	s.mu.Lock()
	d := s.docs[path]
	if d == nil || ctx.Err() != nil {
		s.mu.Unlock()
		return
	}
	version := d.version
	params := publishParams{URI: d.uri, Version: &version, Diagnostics: []diagnostic{}}
	s.mu.Unlock()
	for _, f := range known.findings {
		params.Diagnostics = append(params.Diagnostics, s.diagnose(f, known.text))
	}
	s.rpc.Notify(ctx, "textDocument/publishDiagnostics", params)
}

// look returns the findings in a document as it is now, nil when it is not open.
func (s *server) look(ctx context.Context, path string) (*checked, error) {
	q, d := s.query(path)
	if d == nil {
		return nil, nil
	}
	s.mu.Lock()
	if d.known != nil {
		defer s.mu.Unlock()
		return d.known, nil
	}
	s.mu.Unlock()
	a, err := s.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	known := &checked{text: newText(q.Overlay[path], s.utf8)}
	for _, f := range a.Findings {
		if sameFile(f.Pos.Filename, path) {
			known.findings = append(known.findings, f)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(d.text) == string(q.Overlay[path]) {
		d.known = known
	}
	return known, nil
}

// query returns the question about a document, and the document, nil when it is
// not open.
func (s *server) query(path string) (Query, *document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := Query{File: path, Dir: filepath.Dir(path), Overlay: make(map[string][]byte)}
	longest := 0
	for _, dir := range s.folders {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) && len(dir) > longest {
			q.Dir, longest = dir, len(dir)
		}
	}
	for p, d := range s.docs {
		q.Overlay[p] = d.text
	}
	return q, s.docs[path]
}

// ask runs the engine when no other question is under way.
func (s *server) ask(ctx context.Context, q Query) (*Answer, error) {
	select {
	case s.engine <- struct{}{}:
		defer func() { <-s.engine }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, err := s.check(ctx, q)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil {
		for _, p := range a.Problems {
			s.tell(4, p) // a log line: while one types, code often does not compile
		}
	}
	return a, err
}

// complain shows an error, once.
func (s *server) complain(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		s.tell(1, "runtimefix: "+err.Error())
	}
}

// tell sends a message of a type to the client: 1 is shown as an error, 4 goes
// to the log. The same message is sent once.
func (s *server) tell(kind int, message string) {
	s.mu.Lock()
	known := s.said[message]
	s.said[message] = true
	s.mu.Unlock()
	if known {
		return
	}
	method := "window/logMessage"
	if kind == 1 {
		method = "window/showMessage"
	}
	s.rpc.Notify(s.ctx, method, messageParams{Type: kind, Message: message})
}

// sameFile reports whether two paths are one file.
func sameFile(a, b string) bool {
	return a == b || rewrite.RealPath(a) == rewrite.RealPath(b)
}

// content returns what the session takes for the content of a file.
func (s *server) content(overlay map[string][]byte, path string) (*text, string, error) {
	for p, data := range overlay {
		if sameFile(p, path) {
			return newText(data, s.utf8), toURI(p), nil
		}
	}
	data, err := safefile.Read(path, safefile.Source)
	return newText(data, s.utf8), toURI(path), err
}

// raw returns v as the data of a code action.
func raw(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return data
}
