package main

import (
	"strings"
	"testing"
)

// A run over some repositories takes their rows' places; the others stay, by the
// commit that they were judged by, and what is no longer in the list goes.
func TestKeep(t *testing.T) {
	old := &result{Repos: []*repoResult{{Repo: "a/gone", Commit: "1"}, {Repo: "a/kept", Commit: "1"}, {Repo: "a/again", Commit: "1"}}}
	now := &result{Date: "2026-11-29", Commit: "2", Repos: []*repoResult{{Repo: "a/new", Commit: "2"}, {Repo: "a/again", Commit: "2"}}}
	now.keep(old, []repo{{Name: "a/again"}, {Name: "a/kept"}, {Name: "a/new"}, {Name: "a/never"}})
	var got []string
	for _, r := range now.Repos {
		got = append(got, r.Repo+" "+r.Commit)
	}
	if want := "a/again 2, a/kept 1, a/new 2"; strings.Join(got, ", ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	var text strings.Builder
	now.print(&text)
	if head, want := strings.SplitN(text.String(), "\n", 2)[0], "2026-11-29, commit 2: 2 of 3 repositories, the others by the commits in their lines"; head != want {
		t.Errorf("%q, want %q", head, want)
	}
	if n := strings.Count(text.String(), "; by 1"); n != 1 {
		t.Errorf("%d rows by another commit", n)
	}
}

func TestCommittable(t *testing.T) {
	rows := []*repoResult{{Repo: "a/b", Commit: "2"}}
	for _, test := range []struct {
		r    result
		o    options
		want string
	}{
		{result{Commit: "2", Repos: rows}, options{only: "b"}, ""},
		{result{Commit: "2", Repos: rows}, options{rules: "gctrace"}, "all rules"},
		{result{Commit: "2", Repos: rows}, options{quick: true}, "all rules"},
		{result{Commit: "2-dirty", Repos: rows}, options{}, "uncommitted"},
		{result{Commit: "3", Repos: rows}, options{}, "a/b was judged by 2"},
	} {
		err := test.r.committable(&test.o)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.o, err, test.want)
		}
	}
}
