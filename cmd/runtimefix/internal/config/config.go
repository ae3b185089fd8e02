// Package config reads .runtimefix.yaml.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/format"
	"github.com/runtimefix/runtimefix/rewrite"
	"go.yaml.in/yaml/v3"
)

// Name is the name of the configuration file.
const Name = ".runtimefix.yaml"

// Config is what the file says. Its zero value is that of no file.
type Config struct {
	// Path is the file, "" when there is none.
	Path string
	// Enable are the rules to run, all when there is none; Disable are rules
	// not to run.
	Enable, Disable []string
	Severity        map[string]format.Severity
	Safety          map[string]rewrite.Safety
	// Handlers are patterns of functions that run for every request.
	Handlers []*regexp.Regexp
	// AsyncC are patterns of C functions that keep a pointer after they return.
	AsyncC []*regexp.Regexp
	// Baseline is the baseline file, "" when none is set.
	Baseline string

	excludes []exclude
}

type exclude struct {
	paths []*regexp.Regexp
	rules []string // all when empty
}

// Excluded reports whether findings of the rule in path, relative to the root of
// the repository and with slashes, are unwanted.
func (c *Config) Excluded(path, rule string) bool {
	for _, x := range c.excludes {
		if len(x.rules) > 0 && !slices.Contains(x.rules, rule) {
			continue
		}
		if slices.ContainsFunc(x.paths, func(re *regexp.Regexp) bool { return re.MatchString(path) }) {
			return true
		}
	}
	return false
}

// text is a string of the file with its line.
type text struct {
	value string
	line  int
}

// UnmarshalYAML notes where the string stands.
func (t *text) UnmarshalYAML(n *yaml.Node) error {
	t.line = n.Line
	return n.Decode(&t.value)
}

// file is the form on disk.
type file struct {
	Enable   []text          `yaml:"enable"`
	Disable  []text          `yaml:"disable"`
	Severity map[string]text `yaml:"severity"`
	Safety   map[string]text `yaml:"safety"`
	Exclude  []struct {
		Paths []text `yaml:"paths"`
		Rules []text `yaml:"rules"`
	} `yaml:"exclude"`
	Handlers []text `yaml:"handlers"`
	AsyncC   []text `yaml:"async-c"`
	Baseline text   `yaml:"baseline"`
}

// Find returns the configuration file of dir: the first one from dir up to
// root, "" when there is none.
func Find(dir, root string) string {
	for d := dir; ; {
		path := filepath.Join(d, Name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
		up := filepath.Dir(d)
		if d == root || up == d {
			return ""
		}
		d = up
	}
}

// Read reads the file at path; rules are the names of all rules. Whatever it
// does not understand is an error that names the line.
func Read(path string, rules []string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	var in file
	dec := yaml.NewDecoder(f)
	dec.KnownFields(true)
	if err := dec.Decode(&in); err != nil && !errors.Is(err, io.EOF) {
		return nil, placed(path, err)
	}
	r := &reader{path: path, rules: rules}
	c := &Config{Path: path, Severity: make(map[string]format.Severity), Safety: make(map[string]rewrite.Safety)}
	c.Enable, c.Disable = r.ruleNames(in.Enable), r.ruleNames(in.Disable)
	for name, v := range in.Severity {
		r.ruleNames([]text{{name, v.line}})
		c.Severity[name] = format.Severity(r.oneOf(v, "error", "warning", "info"))
	}
	for name, v := range in.Safety {
		r.ruleNames([]text{{name, v.line}})
		c.Safety[name] = map[string]rewrite.Safety{"safe": rewrite.Safe, "unsafe": rewrite.Unsafe}[r.oneOf(v, "safe", "unsafe", "manual")]
	}
	for _, x := range in.Exclude {
		e := exclude{rules: r.ruleNames(x.Rules)}
		for _, p := range x.Paths {
			e.paths = append(e.paths, glob(p.value))
		}
		c.excludes = append(c.excludes, e)
	}
	c.Handlers, c.AsyncC = r.patterns(in.Handlers), r.patterns(in.AsyncC)
	if c.Baseline = in.Baseline.value; c.Baseline != "" && !filepath.IsAbs(c.Baseline) {
		c.Baseline = filepath.Join(filepath.Dir(path), c.Baseline)
	}
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}

// reader collects the mistake that stands first in the file.
type reader struct {
	path  string
	rules []string
	line  int
	err   error
}

func (r *reader) fail(line int, format string, args ...any) {
	if r.err == nil || line < r.line {
		r.line = line
		r.err = fmt.Errorf("%s:%d: %s", r.path, line, fmt.Sprintf(format, args...))
	}
}

func (r *reader) ruleNames(list []text) []string {
	var out []string
	for _, t := range list {
		if !slices.Contains(r.rules, t.value) {
			r.fail(t.line, "unknown rule %q", t.value)
		}
		out = append(out, t.value)
	}
	return out
}

func (r *reader) oneOf(t text, values ...string) string {
	if !slices.Contains(values, t.value) {
		r.fail(t.line, "%q is none of %s", t.value, strings.Join(values, ", "))
	}
	return t.value
}

func (r *reader) patterns(list []text) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, t := range list {
		re, err := regexp.Compile(t.value)
		if err != nil {
			r.fail(t.line, "%v", err)
			continue
		}
		out = append(out, re)
	}
	return out
}

var (
	yamlLine   = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownKey = regexp.MustCompile(`^field (\S+) not found in type .*$`)
)

// placed turns an error of the YAML parser into one that begins with file and
// line.
func placed(path string, err error) error {
	msg := err.Error()
	var te *yaml.TypeError
	if errors.As(err, &te) && len(te.Errors) > 0 {
		msg = te.Errors[0]
	}
	m := yamlLine.FindStringSubmatch(msg)
	if m == nil {
		return fmt.Errorf("%s: %s", path, strings.TrimPrefix(msg, "yaml: "))
	}
	if k := unknownKey.FindStringSubmatch(m[2]); k != nil {
		m[2] = fmt.Sprintf("unknown key %q", k[1])
	}
	return fmt.Errorf("%s:%s: %s", path, m[1], m[2])
}

// glob compiles a pattern for paths: * and ? stay within a name, ** does not. A
// pattern without a slash matches names at any depth, and one that matches a
// directory matches all below it.
func glob(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	p := strings.Trim(strings.TrimPrefix(pattern, "./"), "/")
	if !strings.Contains(p, "/") {
		b.WriteString("(?:.*/)?")
	}
	for i := 0; i < len(p); i++ {
		switch {
		case strings.HasPrefix(p[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(p[i:], "**"):
			b.WriteString(".*")
			i++
		case p[i] == '*':
			b.WriteString("[^/]*")
		case p[i] == '?':
			b.WriteString("[^/]")
		default:
			_, size := utf8.DecodeRuneInString(p[i:])
			b.WriteString(regexp.QuoteMeta(strings.ToValidUTF8(p[i:i+size], "\ufffd")))
			i += size - 1
		}
	}
	b.WriteString("(?:/.*)?$")
	return regexp.MustCompile(b.String())
}
