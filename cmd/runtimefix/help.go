package main

import (
	"fmt"
	"io"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/docs"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/suggest"
	"github.com/urfave/cli/v2"
)

// manCommand prints the manual page, for those who package the command.
func manCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "man",
		Usage:           "print the manual page, for man -l or a package",
		Hidden:          true,
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("man takes no arguments")
			}
			page, err := c.App.ToManWithSection(1)
			if err != nil {
				return err
			}
			_, err = io.WriteString(stdout, page)
			return err
		},
	}
}

func helpCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:            "help",
		Usage:           "print the usage, or a guide",
		ArgsUsage:       "[TOPIC]",
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("help takes one topic")
			}
			topic := c.Args().First()
			if topic == "" {
				if err := cli.ShowAppHelp(c); err != nil {
					return err
				}
				fmt.Fprintf(stdout, "\nGUIDES (runtimefix help TOPIC):\n")
				for _, t := range docs.Topics() {
					fmt.Fprintf(stdout, "   %-14s %s\n", t, docs.Title(t))
				}
				return nil
			}
			text, ok := docs.Guide(topic)
			if !ok {
				// A command's help, as git and go have it, or a rule's page.
				for _, cmd := range c.App.Commands {
					if cmd.HasName(topic) {
						return cli.ShowCommandHelp(c, topic)
					}
				}
				p, isRule := pageOf(topic)
				if !isRule {
					return usagef("there is no guide %q; runtimefix help lists them%s", topic, suggest.DidYouMean(topic, docs.Topics()))
				}
				text = p.Text()
			}
			_, err := io.WriteString(stdout, text)
			return err
		},
	}
}
