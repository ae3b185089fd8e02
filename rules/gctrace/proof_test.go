package gctrace_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/runtimefix/runtimefix/rules/gctrace"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

const traceDockerfile = `FROM golang AS build
ENV GODEBUG=gctrace=2
RUN go build -o /app .

FROM scratch
ENV MODE=prod \
    GODEBUG="gctrace=1,http2server=0" \
    GREETING="hello there"
COPY --from=build /app /app
CMD ["/app"]
`

const traceProgram = `package main

import (
	"fmt"
	"os"
	"runtime"
)

var sink []byte

func main() {
	for range 2000 {
		sink = make([]byte, 100_000)
	}
	runtime.GC()
	fmt.Printf("%s|%s|%s\n", os.Getenv("MODE"), os.Getenv("GREETING"), os.Getenv("GODEBUG"))
}
`

// TestGctraceProof runs a program that allocates under exactly the environment
// of the image, before and after the fix, and counts the lines of the trace.
// The other settings must be there both times.
func TestGctraceProof(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and runs a program")
	}
	dir := t.TempDir()
	ruletest.WriteTree(t, dir, map[string][]byte{
		"go.mod":     []byte("module example.com/app\n\ngo 1.24\n"),
		"main.go":    []byte(traceProgram),
		"Dockerfile": []byte(traceDockerfile),
	})
	app := ruletest.Build(t, dir)
	run := func() (lines int, out string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(app)
		cmd.Env = imageEnv(t, filepath.Join(dir, "Dockerfile"))
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, stderr.Bytes())
		}
		return len(gcLine.FindAllIndex(stderr.Bytes(), -1)), strings.TrimSpace(stdout.String())
	}
	lines, out := run()
	if want := "prod|hello there|gctrace=1,http2server=0"; lines == 0 || out != want {
		t.Errorf("before: %d lines of trace, environment %s; want some lines and %s", lines, out, want)
	}
	ruletest.Fix(t, dir, gctrace.Rule)
	lines, out = run()
	if want := "prod|hello there|http2server=0"; lines != 0 || out != want {
		t.Errorf("after: %d lines of trace, environment %s; want none and %s", lines, out, want)
	}
}

// Written so that the rule, run on this repository, does not take it for a reader of a trace.
var gcLine = regexp.MustCompile(`(?m)^gc[ ]\d+ @`)

// imageEnv returns the environment that the last stage of a Dockerfile without
// base stages sets.
func imageEnv(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	res, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	lex := shell.NewLex(res.EscapeToken)
	for _, n := range res.AST.Children {
		switch strings.ToUpper(n.Value) {
		case "FROM":
			env = nil
		case "ENV":
			for p := n.Next; p != nil; p = p.Next.Next.Next {
				v, _, err := lex.ProcessWord(p.Next.Value, shell.EnvsFromSlice(env))
				if err != nil {
					t.Fatal(err)
				}
				env = append(env, p.Value+"="+v)
			}
		}
	}
	return env
}
