// Package config reads .runtimefix.yaml.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/format"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/suggest"
	"github.com/runtimefix/runtimefix/rewrite"
	"go.yaml.in/yaml/v3"
)

// names are those that the configuration file may have.
var names = []string{".runtimefix.yaml", ".runtimefix.yml"}

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
	// Baseline is the baseline file, "" when none is set; BaselineAt is the place
	// of the setting, as file:line.
	Baseline, BaselineAt string

	excludes []exclude
}

type exclude struct {
	paths globs
	rules []string // all when empty
}

// Excluded reports whether findings of the rule in path, relative to the root of
// the repository and with slashes, are unwanted. The last pattern that matches
// decides.
func (c *Config) Excluded(path, rule string) bool {
	for _, x := range slices.Backward(c.excludes) {
		if len(x.rules) > 0 && !slices.Contains(x.rules, rule) {
			continue
		}
		if takes, ok := x.paths.match(path); ok {
			return takes
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

// list is a list of strings, or one string in its place.
type list []text

// UnmarshalYAML reads either form.
func (l *list) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*l = make(list, 1)
		return (*l)[0].UnmarshalYAML(n)
	}
	return n.Decode((*[]text)(l))
}

// file is the form on disk.
type file struct {
	Extends  list            `yaml:"extends"`
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
func Find(src Source, dir, root string) (string, error) {
	for d := dir; ; {
		found := ""
		for _, name := range names {
			path := filepath.Join(d, name)
			_, err := src(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				return "", placed(path, err)
			case found != "":
				return "", fmt.Errorf("there are %s and %s: keep one", found, path)
			default:
				found = path
			}
		}
		up := filepath.Dir(d)
		if found != "" || d == root || up == d {
			return found, nil
		}
		d = up
	}
}

// Read reads the file at path and those that it extends from src, in the
// repository at root; rules are the names of all rules. Whatever it does not
// understand is an error that names the line.
func Read(src Source, path, root string, rules []string) (*Config, error) {
	l := &loader{src: src, root: root, rules: rules}
	return l.read(path)
}

// maxConfig bounds the configuration: none that people write is larger.
const maxConfig = 1 << 20

// loader reads files that extend one another.
type loader struct {
	src   Source
	root  string
	rules []string
	chain []string // the files that led here
}

func (l *loader) read(path string) (*Config, error) {
	if slices.Contains(l.chain, path) {
		return nil, fmt.Errorf("%s extends itself", path)
	}
	data, err := l.src(path)
	if err != nil {
		return nil, placed(path, err)
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s: is larger than %d bytes", path, maxConfig)
	}
	inner := *l
	inner.chain = append(slices.Clone(l.chain), path)
	r := &reader{path: path, rules: l.rules}
	in, err := r.decode(data)
	if err != nil {
		return nil, err
	}
	c := r.config(in)
	if r.err != nil {
		return nil, r.err
	}
	all := &Config{}
	for _, x := range in.Extends {
		base, err := inner.extended(path, x.value)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: extends: %w", path, x.line, err)
		}
		all.add(base)
	}
	all.add(c)
	return all, nil
}

// add puts what more says on top of c.
func (c *Config) add(more *Config) {
	c.Path = more.Path
	if len(more.Enable) > 0 {
		c.Enable = more.Enable
		c.Disable = slices.DeleteFunc(c.Disable, func(name string) bool { return slices.Contains(more.Enable, name) })
	}
	c.Disable = append(c.Disable, more.Disable...)
	if c.Severity == nil {
		c.Severity, c.Safety = make(map[string]format.Severity), make(map[string]rewrite.Safety)
	}
	maps.Copy(c.Severity, more.Severity)
	maps.Copy(c.Safety, more.Safety)
	c.Handlers, c.AsyncC = append(c.Handlers, more.Handlers...), append(c.AsyncC, more.AsyncC...)
	c.excludes = append(c.excludes, more.excludes...)
	if more.Baseline != "" {
		c.Baseline, c.BaselineAt = more.Baseline, more.BaselineAt
	}
}

// decode reads the form on disk.
func (r *reader) decode(data []byte) (*file, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, placed(r.path, err)
	}
	in := &file{}
	if len(doc.Content) == 0 {
		return in, nil // nothing but comments
	}
	if r.invalid(&doc); r.err != nil {
		return nil, r.err
	}
	if err := doc.Decode(in); err != nil {
		return nil, placed(r.path, err)
	}
	return in, nil
}

// config turns the form on disk into what it says.
func (r *reader) config(in *file) *Config {
	c := &Config{Path: r.path, Severity: make(map[string]format.Severity), Safety: make(map[string]rewrite.Safety)}
	c.Enable, c.Disable = r.ruleNames(in.Enable), r.ruleNames(in.Disable)
	for name, v := range in.Severity {
		r.ruleNames([]text{{name, v.line}})
		c.Severity[name] = format.Severity(v.value)
	}
	for name, v := range in.Safety {
		r.ruleNames([]text{{name, v.line}})
		c.Safety[name] = map[string]rewrite.Safety{"safe": rewrite.Safe, "unsafe": rewrite.Unsafe}[v.value]
	}
	for _, x := range in.Exclude {
		e := exclude{rules: r.ruleNames(x.Rules)}
		for _, p := range x.Paths {
			g, ok := newGlob(p.value)
			if !ok {
				r.fail(p.line, "%q is no pattern for paths", p.value)
			}
			e.paths = append(e.paths, g)
		}
		c.excludes = append(c.excludes, e)
	}
	c.Handlers, c.AsyncC = r.patterns(in.Handlers), r.patterns(in.AsyncC)
	if c.Baseline = in.Baseline.value; c.Baseline != "" {
		c.BaselineAt = fmt.Sprintf("%s:%d", r.path, in.Baseline.line)
		if !filepath.IsAbs(c.Baseline) {
			c.Baseline = filepath.Join(filepath.Dir(r.path), c.Baseline)
		}
	}
	return c
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
			r.fail(t.line, "unknown rule %q%s", t.value, suggest.DidYouMean(t.value, r.rules))
		}
		out = append(out, t.value)
	}
	return out
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

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// placed turns an error of the YAML parser or of reading the file into one that
// begins with the file, and the line where there is one.
func placed(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", path, pe.Err)
	}
	msg := err.Error()
	var te *yaml.TypeError
	if errors.As(err, &te) && len(te.Errors) > 0 {
		msg = te.Errors[0]
	}
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		return fmt.Errorf("%s:%s: %s", path, m[1], m[2])
	}
	return fmt.Errorf("%s: %s", path, strings.TrimPrefix(msg, "yaml: "))
}
