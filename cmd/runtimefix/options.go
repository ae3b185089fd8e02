package main

import (
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/cachedir"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/config"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/format"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/suggest"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rules"
	"github.com/urfave/cli/v2"
)

// options are the flags and arguments of the main job.
type options struct {
	diff, apply, unsafe bool
	rules               []*rules.Rule
	tests               bool
	tags                []string
	platforms           []string
	dir                 string
	color               string
	verbose             bool
	failOn              string
	patterns            []string
	formats             []outputFormat
	interactive         bool
	changedSince        string
	staged              bool
	baseline            string
	writeBaseline       string
	config              string
	configFrom          string
	quiet               bool
	noCache             bool
	statistics          bool
	groupBy             string
	stdinFilename       string
	output              bool // the report goes to a file, not to stdout
	only, skip          string
	traces, profiles    []string        // recordings of the running program
	minRate             float64         // a second, 0 for none
	known               map[string]bool // fingerprints in the baseline
	fingerprints        []string        // the only ones wanted, all when there are none
	// consulted is what was read to make the configuration and the baseline.
	consulted []byte
	// memory keeps the go command's answers for a session of the language server
	// where there is no cache directory.
	memory *cachedir.Memory
	// flags are the flags to be repeated in a suggested command.
	flags []string
}

func mainFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "diff", Usage: "print the patch that would be applied, for git apply; change nothing"},
		&cli.BoolFlag{Name: "apply", Usage: "write the fixes"},
		&cli.BoolFlag{Name: "interactive", Usage: "ask about the fixes one by one, as git add -p does, and write those accepted"},
		&cli.BoolFlag{Name: "unsafe", Usage: "include fixes that change behaviour on purpose; each says what changes"},
		&cli.StringFlag{Name: "rules", Usage: "run only these rules", DefaultText: "all"},
		&cli.StringFlag{Name: "skip", Usage: "run all but these rules"},
		&cli.BoolFlag{Name: "tests", Usage: "check test files too", Value: true},
		&cli.StringFlag{Name: "tags", Usage: "build tags, separated by commas"},
		&cli.StringFlag{Name: "platforms", Usage: "check for each of these, as linux/amd64,windows/amd64", DefaultText: "the present one"},
		&cli.StringFlag{Name: "changed-since", Usage: "only findings on lines changed since the git revision `REV`"},
		&cli.BoolFlag{Name: "staged", Usage: "check what is staged for the next commit, and only lines that it changes"},
		&cli.StringSliceFlag{Name: "trace", Usage: "join the findings to what the execution trace `FILE` shows; may be repeated"},
		&cli.StringSliceFlag{Name: "profile", Usage: "rank the findings by the pprof profile `FILE`; may be repeated"},
		&cli.StringFlag{Name: "min-rate", Usage: "with --trace, only what happened at least `N/s` times"},
		&cli.StringFlag{Name: "baseline", Usage: "only findings that are not in the baseline `FILE`"},
		&cli.StringFlag{Name: "only", Usage: "only the findings with these `FINGERPRINTS`, as the json format has them"},
		&cli.StringFlag{Name: "stdin-filename", Usage: "check standard input in place of the content of `FILE`, as editors do; the only argument is - or none"},
		&cli.StringFlag{Name: "write-baseline", Usage: "write all findings to the baseline `FILE`"},
		&cli.StringFlag{Name: "config", Usage: "the configuration `FILE`, or none", DefaultText: ".runtimefix.yaml, here or above, up to the repository's root"},
		&cli.StringFlag{Name: "config-from", Usage: "read configuration and baseline as they are in the git revision `REV`"},
		&cli.StringFlag{Name: "C", Usage: "change to `DIR` first"},
		&cli.StringFlag{Name: "color", Usage: "auto, always or never", Value: "auto"},
		&cli.StringFlag{Name: "format", Usage: "text, " + strings.Join(format.Names(), ", ") + "; several at once as `NAME=FILE,NAME=FILE`", Value: "text"},
		&cli.StringFlag{Name: "output", Usage: "write the report to `FILE` instead of stdout"},
		&cli.StringFlag{Name: "group-by", Usage: "group the findings of the text format by file or rule", DefaultText: "none"},
		&cli.BoolFlag{Name: "statistics", Usage: "print how many findings each rule has instead of the findings"},
		&cli.StringFlag{Name: "fail-on", Usage: "exit 1 `WHEN` findings are remaining or files were fixed (with --apply), or never (without)"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no summary and no hints: only findings, and what could not be checked"},
		&cli.BoolFlag{Name: "no-cache", Usage: "look at everything anew, whatever an earlier run found"},
		&cli.BoolFlag{Name: "verbose", Usage: "say on stderr what is checked and how long it takes"},
	}
}

// readOptions reads and checks the command line.
func readOptions(c *cli.Context) (*options, error) {
	o := &options{
		diff: c.Bool("diff"), apply: c.Bool("apply"), unsafe: c.Bool("unsafe"),
		tests: c.Bool("tests"), dir: c.String("C"), color: c.String("color"),
		verbose: c.Bool("verbose"), failOn: c.String("fail-on"),
		tags: splitList(c.String("tags")), platforms: splitList(c.String("platforms")),
		patterns: c.Args().Slice(), changedSince: c.String("changed-since"), staged: c.Bool("staged"),
		baseline: c.String("baseline"), writeBaseline: c.String("write-baseline"), config: c.String("config"),
		configFrom: c.String("config-from"), quiet: c.Bool("quiet"), noCache: c.Bool("no-cache"), statistics: c.Bool("statistics"), groupBy: c.String("group-by"),
		output: c.String("output") != "", fingerprints: splitList(c.String("only")), stdinFilename: c.String("stdin-filename"),
	}
	if err := o.checkValues(); err != nil {
		return nil, err
	}
	o.traces, o.profiles = c.StringSlice("trace"), c.StringSlice("profile")
	var err error
	if o.minRate, err = readRate(c.String("min-rate"), len(o.traces) > 0); err != nil {
		return nil, err
	}
	if o.formats, err = readFormats(c.String("format"), c.String("output")); err != nil {
		return nil, err
	}
	o.only, o.skip = c.String("rules"), c.String("skip")
	if o.rules, err = selectRules(o.only, o.skip, &config.Config{}); err != nil {
		return nil, err
	}
	o.interactive = c.Bool("interactive")
	if err := o.checkTogether(c.IsSet("format")); err != nil {
		return nil, err
	}
	o.flags = repeated(c)
	return o, nil
}

// checkValues returns an error when a flag has a value that it does not take.
func (o *options) checkValues() error {
	if !slices.Contains([]string{"auto", "always", "never"}, o.color) {
		return usagef("--color takes auto, always or never, not %q", o.color)
	}
	if !slices.Contains([]string{"", "remaining", "fixed", "never"}, o.failOn) {
		return usagef("--fail-on takes remaining, fixed or never, not %q", o.failOn)
	}
	if (o.failOn == "remaining" || o.failOn == "fixed") && !o.apply {
		return usagef("--fail-on %s goes with --apply", o.failOn)
	}
	if !slices.Contains([]string{"", "none", "file", "rule"}, o.groupBy) {
		return usagef("--group-by takes none, file or rule, not %q", o.groupBy)
	}
	if o.configFrom != "" && o.config == "none" {
		return usagef("--config none and --config-from exclude each other")
	}
	for _, p := range o.platforms {
		if goos, arch, ok := strings.Cut(p, "/"); !ok || goos == "" || arch == "" {
			return usagef("--platforms takes pairs as linux/amd64, not %q", p)
		}
	}
	return nil
}

// checkTogether returns an error when flags are given that make no sense
// together; formatted says that --format is given.
func (o *options) checkTogether(formatted bool) error {
	switch {
	case o.diff && o.apply:
		return usagef("--diff and --apply exclude each other")
	case o.diff && slices.ContainsFunc(o.formats, func(f outputFormat) bool { return f.name != "text" && f.file == "" }):
		return usagef("--diff prints the patch on stdout; give the report a file with --output or --format NAME=FILE")
	case o.interactive && (o.diff || o.apply || o.staged || o.writeBaseline != "" || formatted):
		return usagef("--interactive goes with no --diff, --apply, --staged, --format and --write-baseline")
	case o.staged && o.changedSince != "":
		return usagef("--staged and --changed-since exclude each other")
	case o.stdinFilename != "" && (o.apply || o.interactive || o.staged || o.changedSince != "" || o.writeBaseline != "" || len(o.patterns) > 1 || len(o.patterns) == 1 && o.patterns[0] != "-"):
		return usagef("--stdin-filename checks one file that is not written: it goes with no --apply, --interactive, --staged, --changed-since, --write-baseline and packages; try --diff -")
	case o.stdinFilename == "" && slices.Contains(o.patterns, "-"):
		return usagef("- stands for standard input: name the file that it is by --stdin-filename FILE")
	case o.staged && o.apply:
		return usagef("--staged reads the index, --apply writes files; try runtimefix --staged --diff | git apply --cached")
	case o.writeBaseline != "" && (o.apply || o.diff || o.staged || o.changedSince != "" || o.baseline != ""):
		return usagef("--write-baseline takes all findings: it goes with no --apply, --diff, --baseline, --staged and --changed-since")
	}
	return nil
}

// repeated returns the flags that a suggested command has again.
func repeated(c *cli.Context) (flags []string) {
	for _, name := range []string{"C", "rules", "skip", "only", "tags", "platforms", "changed-since", "baseline", "config", "config-from"} {
		if v := c.String(name); v != "" {
			dashes := "--"
			if len(name) == 1 {
				dashes = "-"
			}
			flags = append(flags, dashes+name, v)
		}
	}
	if !c.Bool("tests") {
		flags = append(flags, "--tests=false")
	}
	return flags
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func unknownRule(name string) error {
	return usagef("unknown rule %q; runtimefix rules lists them%s", name, suggest.DidYouMean(name, append(rules.Names(), rewrite.IgnoreRule)))
}

// selectRules returns the rules that only, skip and cfg leave, in the order of
// rules.All.
func selectRules(only, skip string, cfg *config.Config) ([]*rules.Rule, error) {
	names := rules.Names()
	for _, name := range append(splitList(only), splitList(skip)...) {
		if !slices.Contains(names, name) {
			return nil, unknownRule(name)
		}
	}
	var out []*rules.Rule
	for _, r := range rules.All {
		if only != "" && !slices.Contains(splitList(only), r.Name) || slices.Contains(splitList(skip), r.Name) {
			continue
		}
		// What the command line names runs whatever the configuration says.
		if only == "" && (len(cfg.Enable) > 0 && !slices.Contains(cfg.Enable, r.Name) || slices.Contains(cfg.Disable, r.Name)) {
			continue
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, usagef("no rule is left to run")
	}
	return out, nil
}

// ruleNames returns the names of the rules that run.
func (o *options) ruleNames() []string {
	var out []string
	for _, r := range o.rules {
		out = append(out, r.Name)
	}
	return out
}
