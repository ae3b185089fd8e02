// Package command answers what the words of a command are: the script of a
// shell, a variable that env sets, or something else.
package command

import (
	"path"
	"slices"
	"strings"
)

// Role is what a word is in its command.
type Role int

const (
	Other    Role = iota
	Script        // the text that a shell runs
	Variable      // NAME=value for the program that env starts
)

var (
	shells = []string{"sh", "bash", "ash", "dash", "ksh", "zsh", "mksh"}
	// starters start the command that follows them.
	starters = []string{"tini", "dumb-init", "catatonit", "nohup", "exec", "sudo", "doas", "time", "gosu", "su-exec", "nice", "ionice", "setsid", "stdbuf", "chrt"}
)

// Roles returns what each of the words is, which exec gets as a list: the name of
// a program and its arguments. The arguments may come alone, where the image says
// which program gets them: opts for a shell is then taken as one.
func Roles(words []string) []Role {
	out := make([]Role, len(words))
	at := 0
	for at < len(words) {
		name := path.Base(words[at])
		switch {
		case slices.Contains(shells, name):
			shellArgs(words, at+1, out)
			return out
		case at == 0 && takesScript(name):
			shellArgs(words, 0, out) // for the image's shell
			return out
		case name == "env":
			at = envArgs(words, at+1, out)
			continue
		case name == "ssh":
			sshArgs(words, at+1, out)
			return out
		case !slices.Contains(starters, name):
			return out
		}
		// Have: a program that starts another. Its options may take a value each, so
		// the next word that names a shell or env is looked for.
		next := at + 1
		for next < len(words) && !slices.Contains(shells, path.Base(words[next])) && path.Base(words[next]) != "env" {
			next++
		}
		at = next
	}
	return out
}

// takesScript reports whether an option makes a shell run the word behind it.
func takesScript(word string) bool {
	return len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.HasSuffix(word, "c") && strings.Trim(word[1:], "abefhiklmnpruvxc") == ""
}

// shellArgs notes the script among the arguments of a shell from at on.
func shellArgs(words []string, at int, out []Role) {
	for ; at < len(words); at++ {
		switch {
		case takesScript(words[at]):
			if at+1 < len(words) {
				out[at+1] = Script
			}
			return
		case strings.IndexAny(words[at], "-+") == 0 && strings.HasSuffix(words[at], "o"):
			at++ // the name of the option stands behind it
		case !strings.HasPrefix(words[at], "-") && !strings.HasPrefix(words[at], "+"):
			return // a file
		}
	}
}

// envArgs notes the variables among the arguments of env from at on, and returns
// where the command that it starts begins.
func envArgs(words []string, at int, out []Role) int {
	for ; at < len(words); at++ {
		switch {
		case words[at] == "-u" || words[at] == "--unset" || words[at] == "-C" || words[at] == "--chdir":
			at++
		case strings.HasPrefix(words[at], "-"):
		case strings.Contains(words[at], "="):
			out[at] = Variable
		default:
			return at
		}
	}
	return at
}

// Sets reports whether words[i], NAME=value, is surely an operand of env or sudo, with
// a command behind it: before it stand other operands, options, and what starts
// env.
func Sets(words []string, i int) bool {
	if i+1 >= len(words) {
		return false
	}
	setter := ""
	for k := 0; k < i; k++ {
		switch name := path.Base(words[k]); {
		case setter != "" && strings.HasPrefix(words[k], "-"):
			if strings.HasPrefix(words[k], "--") && !strings.Contains(words[k], "=") {
				return false // it may take the next word
			}
			if len(words[k]) == 2 && strings.Contains(takesValue[setter], words[k][1:]) {
				k++
			}
			if k >= i {
				return false
			}
		case strings.Contains(words[k], "="):
			if setter == "" {
				return false
			}
		case takesValue[name] != "":
			setter = name
		case setter != "" || name != "exec" && name != "nohup" && name != "setsid":
			return false
		}
	}
	return setter != ""
}

// takesValue holds the options of one letter with a value of the programs that set
// variables for another.
var takesValue = map[string]string{"env": "uC", "sudo": "ugCDghpRrTtU", "doas": "uC"}

// Option returns the index of the first word of the option by which docker or its
// like sets the variable in words[i] for a container, -1 where it does not.
func Option(words []string, i int) int {
	at := 0
	if path.Base(words[0]) == "sudo" && len(words) > 1 {
		at = 1
	}
	options, ok := optionsOf[path.Base(words[at])]
	if !ok || i+1 >= len(words) && !options.last || slices.Contains(words[at:i], "--") ||
		len(options.before) > 0 && !slices.ContainsFunc(words[at:i], func(w string) bool { return slices.Contains(options.before, w) }) {
		return -1
	}
	switch {
	case strings.HasPrefix(strings.TrimLeft(words[i], `"'`), "-"):
		return i // --env=NAME=value
	case slices.Contains(options.names, words[i-1]):
		return i - 1
	}
	return -1
}

// options are the options by which a program sets variables for others.
type options struct {
	before []string // subcommands, of which one stands before them
	names  []string // with the variable in the next word
	last   bool     // they may be the last word
}

var (
	ofDocker  = options{before: []string{"run", "create", "exec"}, names: []string{"-e", "--env"}}
	optionsOf = map[string]options{
		"docker": ofDocker, "podman": ofDocker, "nerdctl": ofDocker, "docker-compose": ofDocker, "podman-compose": ofDocker,
		"kubectl":     {before: []string{"run"}, names: []string{"--env"}, last: true},
		"systemd-run": {names: []string{"-E", "--setenv"}},
	}
)

// Operand returns the NAME=value that the word is, or sets as an option of docker or
// systemd-run does: --env=NAME=value.
func Operand(word string) string {
	for _, option := range []string{"--env=", "--setenv=", "-e=", "-e"} {
		if operand, ok := strings.CutPrefix(word, option); ok {
			return operand
		}
	}
	return word
}

// sshArgs notes the command for another host among the arguments of ssh from at
// on, where it is one word.
func sshArgs(words []string, at int, out []Role) {
	for ; at < len(words) && strings.HasPrefix(words[at], "-"); at++ {
		if len(words[at]) == 2 && strings.Contains("bcDEeFIiJLlmOopQRSWw", words[at][1:]) {
			at++
		}
	}
	if at+2 == len(words) {
		out[at+1] = Script
	}
}

// Program returns the name of the program that the words start, by way of starters
// or env: "" when they only say how.
func Program(words []string) string {
	for _, w := range words {
		if name := path.Base(w); !slices.Contains(starters, name) && name != "env" && !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
			return w
		}
	}
	return ""
}

// ReadsInput reports whether the command is a shell that reads its script from
// standard input.
func ReadsInput(words []string) bool {
	for len(words) > 0 && slices.Contains(starters, path.Base(words[0])) {
		words = words[1:]
	}
	if len(words) == 0 || !slices.Contains(shells, path.Base(words[0])) {
		return false
	}
	return !slices.ContainsFunc(words[1:], func(w string) bool { return !strings.HasPrefix(w, "-") || takesScript(w) }) ||
		slices.Contains(words, "-s")
}
