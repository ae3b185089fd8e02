package completion_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/completion"
	"github.com/urfave/cli/v2"
)

func TestWords(t *testing.T) {
	app := &cli.App{
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "apply"}, &cli.StringFlag{Name: "color"}, &cli.StringFlag{Name: "rules"},
			&cli.StringFlag{Name: "output"}, &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}},
		},
		Commands: []*cli.Command{
			{Name: "explain", Flags: []cli.Flag{&cli.StringFlag{Name: "format"}}},
			{Name: "completion"},
		},
	}
	for line, want := range map[string]string{
		"":                        "explain completion",
		"ex":                      "explain",
		"-":                       "--apply --color --rules --output --quiet -q",
		"--a":                     "--apply",
		"--color ":                "auto always never",
		"--color=a":               "--color=auto --color=always",
		"--color = n":             "never",
		"--rules forcedgc,free":   "forcedgc,freeosmemory",
		"--rules forcedgc,forced": "",
		"--output ":               "",
		"explain forced":          "forcedgc",
		"explain --format ":       "text json",
		"completion ":             "bash zsh fish",
		"./dir ":                  "",
		"--apply explain":         "",
	} {
		got := strings.Join(completion.Words(app, strings.Split(line, " ")), " ")
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	for _, shell := range completion.Shells {
		if !strings.Contains(completion.Scripts[shell], completion.Flag) {
			t.Errorf("the script of %s does not ask with %s", shell, completion.Flag)
		}
	}
	if len(completion.Scripts) != len(completion.Shells) || !slices.Contains(completion.Shells, "bash") {
		t.Errorf("scripts of %d shells, %q", len(completion.Scripts), completion.Shells)
	}
}
