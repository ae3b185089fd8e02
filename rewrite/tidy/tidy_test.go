package tidy

import (
	"errors"
	"slices"
	"testing"
)

var errFailed = errors.New("failed")

func TestWithout(t *testing.T) {
	for _, test := range []struct{ sum, was, will, want string }{
		{"a\nb\nc\n", "a\nb\nc\n", "a\nc\n", "a\nc\n"},
		{"a\nb\nold\n", "a\nb\n", "a\n", "a\nold\n"}, // what was too much stays
		{"a\r\nb\r\n", "a\nb\n", "a\n", "a\r\n"},
		{"a\n", "a\n", "a\nnew\n", "a\n"},
		{"a\nb", "a\nb\n", "a\n", "a\n"},
		{"b\n", "b\n", "", ""},
	} {
		if got := string(without([]byte(test.sum), []byte(test.was), []byte(test.will))); got != test.want {
			t.Errorf("%q from %q to %q: %q, want %q", test.sum, test.was, test.will, got, test.want)
		}
	}
	if without(nil, []byte("a\n"), nil) != nil {
		t.Error("a go.sum came out of nothing")
	}
}

func TestModulesIn(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil,
		"# example.com/a v1.0.0\n## explicit; go 1.20\nexample.com/a\nexample.com/a/b\n# example.com/c v1.2.0\nexample.com/c\n": {"example.com/a", "example.com/c"},
		"# example.com/a v1.0.0\n## explicit\n# example.com/c v1.2.0 => ../c\nexample.com/c/d\n":                                {"example.com/c"},
		"# example.com/a => ../a\n": nil,
	} {
		if got := modulesIn([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestReason(t *testing.T) {
	for out, want := range map[string]string{
		"go: finding module\ngo: example.com/a@v1.0.0: module lookup disabled by GOPROXY=off\nexit\n": "go: example.com/a@v1.0.0: module lookup disabled by GOPROXY=off",
		"first\nlast\n": "last",
		"":              "failed",
	} {
		if got := reason(out, Offline{errFailed}); got != want {
			t.Errorf("%q: %q, want %q", out, got, want)
		}
	}
}
