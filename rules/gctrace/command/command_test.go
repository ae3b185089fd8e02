package command

import (
	"strings"
	"testing"
)

func TestRoles(t *testing.T) {
	// Words apart by |; what is expected behind =>, a letter a word.
	for _, test := range []string{
		"sh|-c|GODEBUG=gctrace=1 ./app => --S",
		"/bin/bash|-ec|x|y => --S-",
		"bash|-o|pipefail|-c|x => ----S",
		"bash|-euo|pipefail|-c|x => ----S",
		"bash|script.sh|-c|x => ----",
		"-c|x => -S",
		"-config|x => --",
		"./app|-c|GODEBUG=gctrace=1 => ---",
		"echo|GODEBUG=gctrace=1 => --",
		"env|-i|GODEBUG=gctrace=1|A=b|./app|C=d => --VV--",
		"env|-u|A|GODEBUG=gctrace=1|sh|-c|x => ---V--S",
		"tini|--|env|A=b|./app => ---V-",
		"tini|-g|--|./app|A=b => -----",
		"nice|-n|5|sh|-c|x => -----S",
		"ssh|-p|22|host|GODEBUG=gctrace=1 ./app => ----S",
		"ssh|host|cat|x => ----",
		"sh => -",
		"sh|-c => --",
	} {
		words, want, _ := strings.Cut(test, " => ")
		var got strings.Builder
		for _, r := range Roles(strings.Split(words, "|")) {
			got.WriteByte("-SV"[r])
		}
		if got.String() != want {
			t.Errorf("%s: got %s", test, got.String())
		}
	}
}
