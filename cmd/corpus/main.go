// Command corpus judges the rules by real code: it runs runtimefix over pinned
// checkouts of repositories that nobody tuned it on, checks what comes out, and
// compares the findings with labels that were given by reading the code.
//
//	go run ./cmd/corpus                    all repositories: the table, and what changed since the committed one
//	go run ./cmd/corpus -quick -only nsq   findings of one repository, without its fixes being made
//	go run ./cmd/corpus -sites             the places that a rule's words occur in, for labelling
//	go run ./cmd/corpus -update            what is committed: the rows of this run in place of older ones
//	go run ./cmd/corpus mutate             mutants of code that uses the hooks rightly
//
// It fetches nothing of its own: a checkout is DIR/OWNER+NAME, a clone, a bare
// repository or a link to one. With -fill, what is missing comes from the Go
// module proxy as a module zip, which lacks nested modules.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	repos  string // folder of the checkouts
	data   string // testdata/corpus
	binary string // the built runtimefix
	out    string // folder for the results
	rules  string
	only   string
	quick  bool
	resume bool
	sites  bool
	fill   bool
	commit bool
	jobs   int
	limit  time.Duration

	version string // of runtimefix: the last commit that changed more than the corpus
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "mutate" {
		return mutate(ctx, args[1:])
	}
	var opt options
	fs := flag.NewFlagSet("corpus", flag.ContinueOnError)
	fs.StringVar(&opt.repos, "repos", "", "`DIR` of the checkouts (default runtimefix/corpus in the user's cache directory)")
	fs.StringVar(&opt.data, "data", "testdata/corpus", "`DIR` of repos.tsv, labels.tsv and the committed table")
	fs.StringVar(&opt.binary, "binary", "", "the runtimefix to judge (default: built from ./cmd/runtimefix)")
	fs.StringVar(&opt.out, "out", "", "`DIR` for table.txt, table.json and the patches (default: a temporary one)")
	fs.StringVar(&opt.rules, "rules", "", "run only these rules")
	fs.StringVar(&opt.only, "only", "", "run only on repositories whose name contains one of these words, separated by commas")
	fs.BoolVar(&opt.quick, "quick", false, "report only: make no fixes and check none")
	fs.BoolVar(&opt.resume, "resume", false, "take what an earlier run left in the -out folder")
	fs.BoolVar(&opt.sites, "sites", false, "list every place where a rule's words occur, with its label")
	fs.BoolVar(&opt.fill, "fill", false, "get missing checkouts as module zips through go mod download")
	fs.BoolVar(&opt.commit, "update", false, "write the rows of this run, by one binary, to the data folder, in place of older ones")
	fs.IntVar(&opt.jobs, "jobs", 2, "repositories at a time")
	fs.DurationVar(&opt.limit, "limit", 10*time.Minute, "time for one repository")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", fs.Arg(0))
	}
	if err := opt.complete(ctx); err != nil {
		return err
	}
	return judge(ctx, &opt)
}

// complete fills in what the command line left to the defaults.
func (opt *options) complete(ctx context.Context) error {
	if opt.repos == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		opt.repos = filepath.Join(cache, "runtimefix", "corpus")
	}
	var err error
	if opt.out == "" {
		opt.out, err = os.MkdirTemp("", "corpus-")
	} else {
		err = os.MkdirAll(opt.out, 0o777)
	}
	if err != nil {
		return err
	}
	if opt.out, err = filepath.Abs(opt.out); err != nil {
		return err
	}
	if opt.binary == "" {
		opt.binary = filepath.Join(opt.out, "runtimefix")
		build := exec.CommandContext(ctx, "go", "build", "-o", opt.binary, "./cmd/runtimefix")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building runtimefix: %w", err)
		}
	}
	opt.binary, err = filepath.Abs(opt.binary)
	return err
}

// chosen reports whether the run covers a repository.
func (opt *options) chosen(r repo) bool {
	if opt.only == "" {
		return true
	}
	for word := range strings.SplitSeq(opt.only, ",") {
		if strings.Contains(r.Name, word) {
			return true
		}
	}
	return false
}

// judge runs over the repositories and prints the tables.
func judge(ctx context.Context, opt *options) error {
	repos, err := readRepos(filepath.Join(opt.data, "repos.tsv"))
	if err != nil {
		return err
	}
	labels, err := readLabels(filepath.Join(opt.data, "labels.tsv"))
	if err != nil {
		return err
	}
	old, err := readResult(filepath.Join(opt.data, "table.json"))
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(repos), func(r repo) bool { return !opt.chosen(r) })
	res := newResult(ctx)
	opt.version = res.Commit
	if opt.commit {
		if err := res.committable(opt); err != nil {
			return err // before the work
		}
	}
	if res.Repos, err = judgeAll(ctx, opt, chosen); err != nil {
		return err
	}
	if opt.commit {
		if err := res.committable(opt); err != nil {
			return err
		}
		res.keep(old, repos)
	}
	labels.only(opt.rules)
	res.label(labels)
	if opt.sites {
		res.printSites(os.Stdout, labels)
		return nil
	}
	return res.report(opt, old)
}

// judgeAll runs over the repositories, opt.jobs at a time. The results are in
// the repositories' order.
func judgeAll(ctx context.Context, opt *options, repos []repo) ([]*repoResult, error) {
	out, errs := make([]*repoResult, len(repos)), make([]error, len(repos))
	slots := make(chan struct{}, max(opt.jobs, 1))
	var wg sync.WaitGroup
	for i, r := range repos {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i], errs[i] = judgeOnce(ctx, opt, r)
			if errs[i] == nil {
				fmt.Fprintln(os.Stderr, out[i].line())
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// judgeOnce runs over a repository and leaves its result in the output folder,
// or takes the one that is there.
func judgeOnce(ctx context.Context, opt *options, r repo) (*repoResult, error) {
	file := filepath.Join(opt.out, r.dirName()+".json")
	if opt.resume {
		if data, err := os.ReadFile(file); err == nil {
			out := new(repoResult)
			if err := json.Unmarshal(data, out); err != nil || !opt.sites {
				return out, err
			}
			return out, out.findSites(ctx, opt, r)
		}
	}
	limited, cancel := context.WithTimeout(ctx, opt.limit)
	defer cancel()
	start := time.Now()
	out, err := judgeRepo(limited, opt, r)
	out.clean()
	out.Total = time.Since(start).Seconds()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		out.Problems = append(out.Problems, fmt.Sprintf("not finished after %v", opt.limit))
	case err != nil:
		out.Problems = append(out.Problems, err.Error())
	}
	data, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		return nil, err
	}
	return out, os.WriteFile(file, data, 0o666)
}
