package command

import (
	"fmt"
	"slices"
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

func TestSetters(t *testing.T) {
	// Words apart by |, the one with GODEBUG among them; behind => whether env or sudo
	// sets it, and from which word on it is an option of docker.
	for test, want := range map[string]string{
		"env|GODEBUG=gctrace=1|app":                   "true -1",
		"exec|env|-u|A|GODEBUG=gctrace=1|app":         "true -1",
		"env|-u|GODEBUG=gctrace=1|app":                "false -1",
		"sudo|-u|api|A=b|GODEBUG=gctrace=1|app":       "true -1",
		"sudo|--user|api|GODEBUG=gctrace=1|app":       "false -1",
		"sudo|app|GODEBUG=gctrace=1|x":                "false -1",
		"env|GODEBUG=gctrace=1":                       "false -1",
		"docker|run|-e|GODEBUG=gctrace=1|image":       "false 2",
		"sudo|docker|run|-e|GODEBUG=gctrace=1|image":  "false 3",
		"podman|run|--env=GODEBUG=gctrace=1|image":    "false 2",
		"docker|run|image|GODEBUG=gctrace=1|x":        "false -1",
		"docker|build|--env|GODEBUG=gctrace=1|.":      "false -1",
		`docker|run|--env="GODEBUG=gctrace=1"|image`:  "false 2",
		`docker|run|-e='GODEBUG=gctrace=1'|image`:     "false 2",
		"docker|run|image|--|-eGODEBUG=gctrace=1|x":   "false -1",
		"systemd-run|--setenv=GODEBUG=gctrace=1|app":  "false 1",
		"systemd-run|-E|GODEBUG=gctrace=1|app":        "false 1",
		"systemd-run|--setenv=GODEBUG=gctrace=1":      "false -1",
		"kubectl|run|x|--env=GODEBUG=gctrace=1":       "false 3",
		"kubectl|run|x|--|--env=GODEBUG=gctrace=1|y":  "false -1",
		"kubectl|set|env|deploy/x|GODEBUG=gctrace=1|": "false -1",
	} {
		words := strings.Split(test, "|")
		i := slices.IndexFunc(words, func(w string) bool { return strings.Contains(w, "GODEBUG") })
		if got := fmt.Sprint(Sets(words, i), " ", Option(words, i)); got != want {
			t.Errorf("%s: got %s", test, got)
		}
	}
}
