package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
)

// The shells ask the command itself: it prints what can come next when its last
// argument is --generate-bash-completion.
const (
	bashCompletion = `_runtimefix() {
  local cur=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  local words=("${COMP_WORDS[@]:0:COMP_CWORD}")
  [[ $cur == -* ]] && words+=("$cur")
  COMPREPLY=($(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$cur"))
}
complete -o default -F _runtimefix runtimefix
`
	zshCompletion = `#compdef runtimefix
_runtimefix() {
  local cur=${words[CURRENT]}
  local -a asked=("${words[@]:0:$((CURRENT - 1))}") found
  [[ $cur == -* ]] && asked+=("$cur")
  found=("${(@f)$("${asked[@]}" --generate-bash-completion 2>/dev/null)}")
  compadd -a found
  _files
}
compdef _runtimefix runtimefix
`
)

func completionCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "completion",
		Usage:           "print the completion script for bash, zsh or fish",
		ArgsUsage:       "SHELL",
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			script := ""
			switch c.Args().First() {
			case "bash":
				script = bashCompletion
			case "zsh":
				script = zshCompletion
			case "fish":
				var err error
				if script, err = c.App.ToFishCompletion(); err != nil {
					return err
				}
			}
			if script == "" || c.NArg() != 1 {
				return usagef("completion takes bash, zsh or fish")
			}
			_, err := fmt.Fprint(stdout, script)
			return err
		},
	}
}
