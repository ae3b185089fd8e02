package migrate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What was broken before is told once, and not at length.
func TestBefore(t *testing.T) {
	if got := Once([]string{"b", "a", "b", "b"}); !slices.Equal(got, []string{"b (3 times)", "a"}) {
		t.Errorf("%q", got)
	}
	m := Message{Verified: Verification{Level: "vet", Packages: 2}}
	for i := range 13 {
		m.Verified.Before = append(m.Verified.Before, fmt.Sprintf("complaint %d", i))
	}
	_, text, err := m.Text(nil, 0)
	if err != nil || !strings.Contains(text, "* complaint 9\n* and 3 more\n\n") || strings.Contains(text, "complaint 10") {
		t.Errorf("%v\n%s", err, text)
	}
}

// The message says of safety what its fixes are, and of proof what was proved.
func TestWords(t *testing.T) {
	const unsafe, safe = `Fixes marked "unsafe" change behaviour on purpose, as they say.`, `"safe" ones change nothing but the symptom.`
	for _, test := range []struct {
		safeties  []string
		packages  int
		has, hasn []string
	}{
		{[]string{"unsafe"}, 1, []string{unsafe, "1 package, nothing new"}, []string{safe, "No Go package"}},
		{[]string{"unsafe", "safe"}, 2, []string{unsafe + " " + safe, "2 packages, nothing new"}, nil},
		{[]string{"safe"}, 0, []string{"The fixes change nothing but the symptom.", "No Go package changes; what was changed was read again"}, []string{unsafe, "nothing new"}},
	} {
		m := Message{Rules: []RulePart{{Name: "r"}}, Verified: Verification{Level: "vet", Packages: test.packages}}
		for _, s := range test.safeties {
			m.Rules[0].Places = append(m.Rules[0].Places, Place{Safety: s})
			m.Unsafe = m.Unsafe || s == "unsafe"
		}
		_, text, err := m.Text(nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range test.has {
			if !strings.Contains(text, w) {
				t.Errorf("%v: no %q in\n%s", test.safeties, w, text)
			}
		}
		for _, w := range test.hasn {
			if strings.Contains(text, w) {
				t.Errorf("%v: %q in\n%s", test.safeties, w, text)
			}
		}
	}
}

func TestRoom(t *testing.T) {
	for _, test := range []struct {
		opt         CommitOptions
		limit, want int
	}{
		{CommitOptions{}, 500, 500},
		{CommitOptions{}, 0, 0},
		{CommitOptions{Trailers: []string{"A: b"}}, 500, 494},
		{CommitOptions{ChangeID: true}, 500, 446},
		{CommitOptions{Signoff: true}, 200, 1},
	} {
		if got := test.opt.Room(test.limit); got != test.want {
			t.Errorf("%+v of %d: %d, want %d", test.opt, test.limit, got, test.want)
		}
	}
}
