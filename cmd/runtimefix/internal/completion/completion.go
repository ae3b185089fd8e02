// Package completion answers what the word before the cursor can become, and has
// the scripts by which shells ask.
package completion

import (
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/docs"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/format"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/leftout"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules"
	"github.com/urfave/cli/v2"
)

// Flag ends the arguments when a shell asks what the word before it can
// become. It prints a word a line; where it prints none, files are meant.
const Flag = "--generate-bash-completion"

// The scripts hand on the words up to the cursor, the unfinished one as well.
const (
	bashCompletion = `_runtimefix() {
  local cur=${COMP_WORDS[COMP_CWORD]}
  [[ $cur == = ]] && cur=
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$("${COMP_WORDS[@]:0:COMP_CWORD}" "$cur" --generate-bash-completion 2>/dev/null)" -- "$cur"))
}
complete -o default -F _runtimefix runtimefix
`
	zshCompletion = `#compdef runtimefix
_runtimefix() {
  local -a found
  found=("${(@f)$("${words[@]:0:$((CURRENT - 1))}" "${words[CURRENT]}" --generate-bash-completion 2>/dev/null)}")
  compadd -Q -- ${found:#}
  _files
}
compdef _runtimefix runtimefix
`
	fishCompletion = `function __runtimefix_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    $words "$cur" --generate-bash-completion 2>/dev/null
end
complete -c runtimefix -a '(__runtimefix_complete)'
`
)

// Scripts has the completion script of each shell.
var Scripts = map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}

// Shells are the shells that have one.
var Shells = []string{"bash", "zsh", "fish"}

// Words returns what the last of words, which may be empty, can become.
func Words(app *cli.App, words []string) []string {
	cur := ""
	if n := len(words); n > 0 {
		cur, words = words[n-1], words[:n-1]
	}
	flags, sub := app.Flags, Subcommand(app, words)
	if sub != nil {
		flags, words = sub.Flags, words[1:]
	}
	if n := len(words); n > 0 && words[n-1] == "=" { // bash makes it a word of its own
		words = words[:n-1]
	}
	prefix := ""
	if flag, value, ok := strings.Cut(cur, "="); ok && strings.HasPrefix(flag, "-") {
		prefix, cur, words = flag+"=", value, append(slices.Clone(words), flag)
	}
	if n := len(words); n > 0 && strings.HasPrefix(words[n-1], "-") {
		if values, takes := flagValues(flags, strings.TrimLeft(words[n-1], "-")); takes {
			return matching(lists(values, cur), prefix, prefix+cur)
		}
	}
	if strings.HasPrefix(cur, "-") {
		return matching(flagNames(flags), "", cur)
	}
	switch {
	case sub != nil && sub.Name == "explain":
		return matching(append(rules.Names(), rewrite.IgnoreRule), "", cur)
	case sub != nil && sub.Name == "completion":
		return matching(Shells, "", cur)
	case sub != nil && sub.Name == "help":
		names := append(docs.Topics(), CommandNames(app)...)
		slices.Sort(names)
		return matching(slices.Compact(names), "", cur)
	case sub == nil && len(words) == 0:
		return matching(CommandNames(app), "", cur)
	}
	return nil
}

// matching returns those of words that begin with cur, prefix put before them.
func matching(words []string, prefix, cur string) []string {
	var out []string
	for _, w := range words {
		if w = prefix + w; strings.HasPrefix(w, cur) {
			out = append(out, w)
		}
	}
	return out
}

// lists returns values, each as the continuation of the list that cur begins.
func lists(values []string, cur string) []string {
	i := strings.LastIndexByte(cur, ',')
	if i < 0 {
		return values
	}
	var out []string
	for _, v := range values {
		if !slices.Contains(strings.Split(cur[:i], ","), v) {
			out = append(out, cur[:i+1]+v)
		}
	}
	return out
}

func flagNames(flags []cli.Flag) []string {
	var out []string
	for _, f := range flags {
		for _, name := range f.Names() {
			if len(name) > 1 {
				out = append(out, "--"+name)
			} else {
				out = append(out, "-"+name)
			}
		}
	}
	return out
}

// flagValues returns the values that a flag takes, none where they are files or
// anything else; takes is false for flags without a value.
func flagValues(flags []cli.Flag, name string) (values []string, takes bool) {
	for _, f := range flags {
		if doc, ok := f.(cli.DocGenerationFlag); ok && slices.Contains(f.Names(), name) {
			takes = doc.TakesValue()
		}
	}
	if !takes {
		return nil, false
	}
	switch name {
	case "rules", "rule", "skip":
		return rules.Names(), true
	case "format":
		if len(flags) < 5 { // of rules and explain
			return []string{"text", "json"}, true
		}
		return append([]string{"text"}, format.Names()...), true
	case "color":
		return []string{"auto", "always", "never"}, true
	case "group-by":
		return []string{"none", "file", "rule"}, true
	case "fail-on":
		return []string{"remaining", "fixed", "never"}, true
	case "commit":
		return []string{"none", "one", "per-rule"}, true
	case "verify":
		return []string{"none", "build", "vet", "test"}, true
	case "limit":
		return []string{"github", "gerrit", "codecommit"}, true
	case "platforms":
		return leftout.Platforms(), true
	}
	return nil, true
}

// CommandNames returns the names of all commands.
func CommandNames(app *cli.App) []string {
	var out []string
	for _, c := range app.Commands {
		out = append(out, c.Names()...)
	}
	return out
}

// Subcommand returns the command that args begin with, nil for the main job.
func Subcommand(app *cli.App, args []string) *cli.Command {
	if len(args) == 0 {
		return nil
	}
	for _, c := range app.Commands {
		if c.HasName(args[0]) {
			return c
		}
	}
	return nil
}
