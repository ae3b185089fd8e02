package main

import (
	"fmt"
	"io"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/completion"
	"github.com/urfave/cli/v2"
)

// completionCommand prints the completion script of a shell.
func completionCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "completion",
		Usage:           "print the completion script for bash, zsh or fish",
		ArgsUsage:       "SHELL",
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			script, ok := completion.Scripts[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return usagef("completion takes bash, zsh or fish")
			}
			_, err := fmt.Fprint(stdout, script)
			return err
		},
	}
}
