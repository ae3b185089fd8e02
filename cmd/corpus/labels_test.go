package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPlaceSurvivesMoves(t *testing.T) {
	root := t.TempDir()
	write := func(src string) {
		if err := os.WriteFile(filepath.Join(root, "a.go"), []byte(src), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("package a\n\nfunc (s *T[K]) f() {\n\tg()\n\tg()\n}\n")
	before := newLineReader(root).place("o/n", "rule", "a.go", 5)
	if before.Func != "T.f" {
		t.Errorf("function %q", before.Func)
	}
	write("package a\n\nimport \"os\"\n\nfunc h() { g() }\n\nfunc (s *T[K]) f() {\n\tos.Exit(1)\n\tg()\n\t\tg()\n}\n")
	if after := newLineReader(root).place("o/n", "rule", "a.go", 10); after != before {
		t.Errorf("%+v became %+v", before, after)
	}
	if first := newLineReader(root).place("o/n", "rule", "a.go", 9); first == before {
		t.Error("the first and the second of two equal lines are one place")
	}
}

func TestScores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "labels.tsv")
	const text = "# repository\tpath\trule\tfunction\thash\tverdict\tfix\treason\n" +
		"o/n\ta.go\tr\tf\t01\tright\tright:aa\tx\n" +
		"o/n\ta.go\tr\tg\t02\twrong\twrong:bb\tx\n" +
		"o/n\ta.go\tr\th\t03\tmiss\t-\tx\n" +
		"o/n\ta.go\tr\ti\t04\tsilent\t-\tx\n" +
		"o/n\ta.go\tr\tj\t05\tdoubtful\t-\tx\n" +
		"o/n\ta.go\tr\tk\t06\tmiss\t-\tx\n" +
		"o/other\ta.go\tr\tf\t07\tmiss\t-\tx\n"
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	ls, err := readLabels(path)
	if err != nil {
		t.Fatal(err)
	}
	at := func(path, fn, hash, safety, fix string) *finding {
		return &finding{place: place{"o/n", path, "r", fn, hash}, Safety: safety, FixHash: fix}
	}
	repo := &repoResult{Repo: "o/n", Reported: true, Findings: []*finding{
		at("moved.go", "f", "01", "safe", "aa"), // right, in another file now
		at("a.go", "g", "02", "safe", "cc"),     // wrong, whatever the fix
		at("a.go", "h", "changed", "none", ""),  // a miss that is found now, its line changed
		at("a.go", "j", "05", "none", ""),
		at("a.go", "new", "08", "none", ""),
	}}
	got := ls.scores([]*repoResult{repo})
	want := score{Rule: "r", Right: 2, Wrong: 1, Doubtful: 1, Missed: 1, Silent: 1, Unjudged: 1, WrongSafe: 1, RightFixes: 1}
	if len(got) != 1 || *got[0] != want {
		t.Errorf("got %+v, want %+v", *got[0], want)
	}
	if p, r := got[0].precision(), got[0].recall(); p != 2.0/3 || r != 2.0/3 {
		t.Errorf("precision %v, recall %v", p, r)
	}
}

// TestLabels holds the committed files together: every label is of a pinned
// repository, of a rule, and says why.
func TestLabels(t *testing.T) {
	repos, err := readRepos("../../testdata/corpus/repos.tsv")
	if err != nil {
		t.Fatal(err)
	}
	pinned := make(map[string]bool)
	for _, r := range repos {
		if pinned[r.Name] || len(r.Commit) != 40 {
			t.Errorf("%s: twice, or not pinned", r.Name)
		}
		pinned[r.Name] = true
	}
	ls, err := readLabels("../../testdata/corpus/labels.tsv")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[place]bool)
	for _, l := range ls.all {
		switch {
		case !pinned[l.Repo]:
			t.Errorf("%+v: no such repository", l.place)
		case siteWords[l.Rule] == nil:
			t.Errorf("%+v: no such rule", l.place)
		case seen[l.place]:
			t.Errorf("%+v: labelled twice", l.place)
		case l.Reason == "" || l.Reason == "-":
			t.Errorf("%+v: no reason", l.place)
		}
		switch l.Verdict {
		case verdictRight, verdictWrong, verdictDoubtful, verdictSilent, verdictMiss:
		default:
			t.Errorf("%+v: verdict %q", l.place, l.Verdict)
		}
		seen[l.place] = true
	}
}
