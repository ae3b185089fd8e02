package image

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/runtimefix/runtimefix/rewrite"
)

// images runs a rule over files, and look with what it knows of their images.
func images(t *testing.T, files map[string]string, look func(*Images)) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ran := false
	finder := &rewrite.Finder{
		Name:      "images",
		TextNeeds: []rewrite.TextNeed{{Kinds: []rewrite.TextKind{rewrite.Dockerfile, rewrite.GoMod}}},
		Find: func(s *rewrite.Snapshot) []rewrite.Finding {
			ran = true
			look(New(s, "images"))
			return nil
		},
	}
	if _, err := rewrite.Run(context.Background(), rewrite.Options{Config: rewrite.Config{Dir: dir}}, []*rewrite.Finder{finder}); err != nil {
		t.Fatal(err)
	}
	if !ran {
		t.Fatal("no Dockerfile was found")
	}
}

const twoStages = `FROM golang:1.24 AS build
COPY go.mod main.go ./
RUN go build -o /out/mailer .
FROM scratch
COPY --from=build /out/mailer /mailer
ENTRYPOINT ["/mailer"]
`

func TestLookup(t *testing.T) {
	mod := "module example.com/shop/v2\n\ngo 1.24\n"
	for _, test := range []struct {
		name  string
		files map[string]string
		known string // references to the image, by blanks
		not   string
	}{
		{"by the program, the module and the tag",
			map[string]string{"go.mod": mod, "Dockerfile": twoStages}, "mailer registry.example.com/team/mailer:1.2 shop mailer@sha256:00", "shop2 ${IMAGE} v2"},
		{"by the Dockerfile's suffix", map[string]string{"go.mod": mod, "Dockerfile.billing": twoStages}, "billing", "dockerfile"},
		{"by its directory", map[string]string{"go.mod": mod, "billing/Dockerfile": twoStages}, "billing", "docker"},
		{"another program", map[string]string{"go.mod": mod, "Dockerfile": strings.Replace(twoStages, `["/mailer"]`, `["node", "app.js"]`, 1)}, "", "mailer shop"},
		{"a shell decides", map[string]string{"go.mod": mod, "Dockerfile": strings.Replace(twoStages, `["/mailer"]`, `exec $PROGRAM`, 1)}, "", "mailer shop"},
		{"no module", map[string]string{"Dockerfile": twoStages}, "", "mailer"},
		{"two modules are copied", map[string]string{"go.mod": mod, "Dockerfile": strings.Replace(twoStages, "COPY go.mod", "COPY tools/go.mod tools/\nCOPY go.mod", 1)}, "", "mailer"},
		{"no Dockerfile", map[string]string{"go.mod": mod, "Dockerfile": "FROM\n&&\n"}, "", "mailer"},
	} {
		images(t, test.files, func(g *Images) {
			for ref := range strings.FieldsSeq(test.known) {
				if img := g.Lookup(ref); img == nil || img.Mod.Path != "example.com/shop/v2" {
					t.Errorf("%s: %s is not known", test.name, ref)
				}
			}
			for ref := range strings.FieldsSeq(test.not) {
				if g.Lookup(ref) != nil {
					t.Errorf("%s: %s is known", test.name, ref)
				}
			}
		})
	}
}

func TestOldDefault(t *testing.T) {
	for _, test := range []struct {
		name, mod, file, text string
		want                  bool
	}{
		{"an old go line", "go 1.24\n", "main.go", "package main\n", true},
		{"a new go line", "go 1.25\n", "main.go", "package main\n", false},
		{"a setting turns it on", "go 1.24\n\ngodebug containermaxprocs=1\n", "main.go", "package main\n", false},
		{"a setting turns it off", "go 1.25\n\ngodebug (\n\tcontainermaxprocs=0\n)\n", "main.go", "package main\n", true},
		{"the defaults of a release", "go 1.24\n\ngodebug default=go1.25\n", "main.go", "package main\n", false},
		{"a library sets it", "go 1.24\n\nrequire go.uber.org/automaxprocs v1.6.0\n", "main.go", "package main\n", false},
		{"a workspace with a new go line", "go 1.24\n", "go.work", "go 1.25\n\nuse .\n", false},
		{"code sets it", "go 1.24\n", "main.go", "package main\n\nfunc init() { runtime.GOMAXPROCS(4) }\n", false},
		{"code asks for it", "go 1.24\n", "main.go", "package main\n\nfunc init() { println(runtime.GOMAXPROCS(0)) }\n", true},
		{"a test sets it", "go 1.24\n", "main_test.go", "package main\n\nfunc init() { runtime.GOMAXPROCS(4) }\n", true},
		{"a script sets it", "go 1.24\n", "start.sh", "GOMAXPROCS=2 exec mailer\n", false},
	} {
		images(t, map[string]string{"go.mod": "module example.com/shop\n\n" + test.mod, test.file: test.text, "Dockerfile": twoStages}, func(g *Images) {
			img := g.Lookup("mailer")
			if img == nil {
				t.Fatalf("%s: no image", test.name)
			}
			if got := g.OldDefault(img.Mod); got != test.want {
				t.Errorf("%s: %v, want %v", test.name, got, test.want)
			}
		})
	}
}

func TestRunsGo(t *testing.T) {
	for _, test := range []struct {
		name, file, entry string
		runs              bool
	}{
		{"two stages", twoStages, "/mailer", true},
		{"one stage", "FROM golang\nRUN go build -o mailer .\nCMD [\"./mailer\"]\n", "./mailer", true},
		{"under an init", "FROM golang\nRUN go install ./...\nENTRYPOINT [\"tini\", \"--\", \"mailer\"]\n", "mailer", true},
		{"from the base stage", "FROM golang AS base\nRUN go build -o mailer .\nCMD mailer -v\nFROM base\nUSER 1\n", "mailer", true},
		{"by the stage's number", strings.Replace(twoStages, "--from=build", "--from=0", 1), "/mailer", true},
		{"renamed", strings.Replace(twoStages, "/out/mailer /mailer", "/out/mailer /bin/post", 1), "/mailer", true},
		{"built under another name", "FROM golang\nRUN go build -o tool .\nCMD [\"mailer\"]\n", "mailer", false},
		{"from an image of others", "FROM golang\nRUN go build -o mailer .\nFROM scratch\nCOPY --from=example.com/mailer /mailer /mailer\nCMD [\"/mailer\"]\n", "/mailer", false},
		{"nothing starts", "FROM golang\nRUN go build -o mailer .\n", "", false},
	} {
		res, err := parser.Parse(strings.NewReader(test.file))
		if err != nil {
			t.Fatal(err)
		}
		stages, _ := stagesOf(res.AST)
		entry := entryPoint(stages, len(stages)-1)
		if entry != test.entry {
			t.Errorf("%s: starts %q, want %q", test.name, entry, test.entry)
		}
		if got := entry != "" && runsGo(stages, entry); got != test.runs {
			t.Errorf("%s: runs Go: %v, want %v", test.name, got, test.runs)
		}
	}
}
