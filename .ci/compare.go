// Compare times runtimefix against the tools that its users have, as whole process
// trees: CPU and wall time, and the peak memory of the largest process.
//
//	.ci/compare DIR...            on the modules in the directories, caches warm
//	.ci/compare -cold DIR...      with empty build caches, too: minutes each
//	.ci/compare -files 500,2000   on generated modules of so many files, and how the cost grows
//
// In every round each command runs once, so that a busy moment meets all of them.
// Printed are the median of each figure, with minimum and maximum, and the ratios of
// the medians. A changed file gets back its content.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// figure is what one run cost.
type figure struct{ cpu, wall, peak float64 } // seconds, seconds, MB

// command is one of those that are compared.
type command struct {
	name   string
	before func() error // not timed
	args   []string
	env    []string
}

func main() {
	root := flag.String("root", ".", "the checkout of runtimefix")
	runs := flag.Int("runs", 5, "rounds")
	cold := flag.Bool("cold", false, "with empty build caches, too")
	files := flag.String("files", "", "generate modules with so many files each")
	flag.Parse()
	log.SetFlags(0)
	tmp, err := os.MkdirTemp("", "compare-")
	check(err)
	defer os.RemoveAll(tmp)
	binary := filepath.Join(tmp, "runtimefix")
	build := exec.Command("go", "build", "-o", binary, "./cmd/runtimefix")
	build.Dir, build.Stderr = *root, os.Stderr
	check(build.Run())
	for _, dir := range flag.Args() {
		fmt.Println(dir)
		compare(dir, warm(dir, binary, tmp), *runs)
		if *cold {
			compare(dir, fresh(binary, tmp), 1)
		}
	}
	if *files != "" {
		grow(strings.Split(*files, ","), binary, tmp, *runs)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// warm are the commands that are run again and again.
func warm(dir, binary, tmp string) []command {
	cache := "RUNTIMEFIX_CACHE=" + filepath.Join(tmp, "cache")
	list := []command{
		{name: "read", args: []string{"sh", "-c", "find . -name '*.go' -not -path './vendor/*' -not -path '*/.*' -print0 | xargs -0 cat >/dev/null"}},
		{name: "full", args: []string{binary, "--no-cache", "./..."}},
		{name: "diff", args: []string{binary, "--no-cache", "--diff", "--unsafe", "./..."}},
		{name: "unchanged", args: []string{binary, "./..."}, env: []string{cache}},
	}
	if rule := quiet(dir, binary); rule != "" {
		list = append(list, command{name: "clean", args: []string{binary, "--no-cache", "--rules", rule, "./..."}})
	}
	if path := candidate(dir); path != "" {
		was, err := os.ReadFile(path)
		check(err)
		n := 0
		list = append(list, command{name: "changed", args: []string{binary, "./..."}, env: []string{cache}, before: func() error {
			n++
			return os.WriteFile(path, fmt.Appendf(slices.Clone(was), "\n// %d\n", n), 0o666)
		}}, command{name: "vet, changed", args: []string{"go", "vet", "./..."}}, command{name: "vet", before: func() error { return os.WriteFile(path, was, 0o666) }, args: []string{"go", "vet", "./..."}})
	} else {
		list = append(list, command{name: "vet", args: []string{"go", "vet", "./..."}})
	}
	list = append(list, command{name: "fix", args: []string{"go", "fix", "-diff", "./..."}})
	for _, tool := range []string{"staticcheck", "golangci-lint"} {
		if path, err := exec.LookPath(tool); err == nil {
			args := []string{path, "./..."}
			if tool == "golangci-lint" {
				args = []string{path, "run", "./..."}
			}
			list = append(list, command{name: tool, args: args})
		}
	}
	return list
}

// fresh are the commands that begin with an empty build cache, and the first run of
// runtimefix after a warm vet.
func fresh(binary, tmp string) []command {
	n := 0
	dir := func() string { n++; return "GOCACHE=" + filepath.Join(tmp, "build", strconv.Itoa(n)) }
	vetted := dir()
	list := []command{
		{name: "vet", args: []string{"go", "vet", "./..."}, env: []string{vetted}},
		{name: "vet, again", args: []string{"go", "vet", "./..."}, env: []string{vetted}},
		{name: "first after vet", args: []string{binary, "--no-cache", "./..."}, env: []string{vetted}},
		{name: "cold", args: []string{binary, "--no-cache", "./..."}, env: []string{dir()}},
	}
	if path, err := exec.LookPath("staticcheck"); err == nil {
		list = append(list, command{name: "staticcheck", args: []string{path, "./..."}, env: []string{dir(), "STATICCHECK_CACHE=" + filepath.Join(tmp, "sc")}})
	}
	return list
}

// quiet returns a rule with no candidate in the module, "" when each has one.
func quiet(dir, binary string) string {
	out, err := exec.Command(binary, "rules").Output()
	check(err)
	for line := range strings.Lines(string(out)) {
		rule, _, _ := strings.Cut(line, " ")
		run := exec.Command(binary, "--no-cache", "--verbose", "--rules", rule, "./...")
		run.Dir = dir
		if text, _ := run.CombinedOutput(); strings.Contains(string(text), " 0 packages type-checked") {
			return rule
		}
	}
	return ""
}

// candidate returns the largest Go file of a program that names a hook of the runtime,
// or else of a package; "" when there is none. (What imports a package has to be built
// anew when that changes.)
func candidate(dir string) string {
	best, size := "", 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "vendor" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, hook := range []string{"signal.Notify(", "runtime.GC()", "runtime.ReadMemStats(", "http.ListenAndServe(", "runtime.SetFinalizer("} {
			rank := len(data)
			if strings.Contains(string(data), "package main\n") {
				rank += 1 << 30
			}
			if strings.Contains(string(data), hook) && rank > size {
				best, size = path, rank
			}
		}
		return nil
	})
	check(err)
	return best
}

// run runs the command once in dir. How it ends does not matter: findings are an error.
func run(c command, dir string) figure {
	if c.before != nil {
		check(c.before())
	}
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), c.env...)
	start := time.Now()
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		log.Fatal(err)
	}
	wall := time.Since(start)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage) // with the children that it waited for
	return figure{
		cpu:  (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		wall: wall.Seconds(), peak: float64(usage.Maxrss) / 1024,
	}
}

// compare prints what the commands cost in dir, and their ratios to vet.
func compare(dir string, list []command, runs int) map[string]figure {
	all := make(map[string][]figure)
	if runs > 1 {
		for _, c := range list {
			run(c, dir) // warm
		}
	}
	for range runs {
		for _, c := range list {
			all[c.name] = append(all[c.name], run(c, dir))
		}
	}
	medians := make(map[string]figure)
	for _, c := range list {
		m := figure{}
		spread := ""
		for i, part := range []func(figure) float64{func(f figure) float64 { return f.cpu }, func(f figure) float64 { return f.wall }, func(f figure) float64 { return f.peak }} {
			var values []float64
			for _, f := range all[c.name] {
				values = append(values, part(f))
			}
			slices.Sort(values)
			v := values[len(values)/2]
			*[]*float64{&m.cpu, &m.wall, &m.peak}[i] = v
			spread += fmt.Sprintf("  %s %.2f (%.2f-%.2f)", []string{"cpu", "wall", "MB"}[i], v, values[0], values[len(values)-1])
		}
		medians[c.name] = m
		fmt.Printf("  %-16s%s\n", c.name, spread)
	}
	for _, to := range []string{"vet", "staticcheck"} {
		for _, c := range list {
			if base, ok := medians[to]; ok && c.name != to {
				m := medians[c.name]
				fmt.Printf("  %s / %s: cpu %.2f, wall %.2f, memory %.2f\n", c.name, to, m.cpu/base.cpu, m.wall/base.wall, m.peak/base.peak)
			}
		}
	}
	return medians
}

// grow compares on generated modules and prints the exponent with which the cost of a
// full run grows from one to the next.
func grow(sizes []string, binary, tmp string, runs int) {
	before, cost := 0.0, 0.0
	for _, size := range sizes {
		n, err := strconv.Atoi(size)
		check(err)
		dir := filepath.Join(tmp, "module"+size)
		generate(dir, n)
		fmt.Printf("%d generated files\n", n)
		full := compare(dir, warm(dir, binary, tmp), runs)["full"]
		if before > 0 {
			fmt.Printf("  exponent: %.2f\n", math.Log(full.cpu/cost)/math.Log(float64(n)/before))
		}
		before, cost = float64(n), full.cpu
	}
}

// generate writes a module of n files, twenty a package; each tenth has a finding.
func generate(dir string, n int) {
	check(os.MkdirAll(dir, 0o777))
	check(os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/m\n\ngo 1.24\n"), 0o666))
	var body strings.Builder
	for i := range 60 {
		fmt.Fprintf(&body, "\n// Sum%d adds what is in list, %d times.\nfunc (t *T%%[1]d) Sum%d(list []int) (sum int) {\n\tfor _, v := range list {\n\t\tsum += v * %d\n\t}\n\treturn sum\n}\n", i, i, i, i)
	}
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprintf("p%d", i/20))
		check(os.MkdirAll(sub, 0o777))
		head := "package p\n\n"
		if i%10 == 0 {
			head += "import \"runtime\"\n\nfunc collect%[1]d(n int) {\n\tfor range n {\n\t\truntime.GC()\n\t\tprintln(n)\n\t}\n}\n\n"
		}
		src := fmt.Sprintf(head+"type T%[1]d struct{ n int }\n"+body.String(), i)
		check(os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%d.go", i)), []byte(src), 0o666))
	}
}
