package migrate

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hmarr/codeowners"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// Part is the share of a change that one pull request brings. A finding belongs
// to one part, by the file that it is in, and its fix with it, whatever other
// files that touches: no fix is torn.
type Part struct {
	index, of int
	owner     string
	owners    codeowners.Ruleset
}

// NewPart reads --shard i/n and --owner; the CODEOWNERS of the repository at root
// is read where an owner is asked for.
func NewPart(root, shard, owner string) (*Part, error) {
	p := &Part{owner: owner}
	if shard != "" {
		i, n, ok := strings.Cut(shard, "/")
		var err1, err2 error
		p.index, err1 = strconv.Atoi(i)
		p.of, err2 = strconv.Atoi(n)
		if !ok || err1 != nil || err2 != nil || p.index < 1 || p.index > p.of {
			return nil, fmt.Errorf("--shard takes i/n with 1 <= i <= n, not %q", shard)
		}
	}
	for _, name := range []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"} {
		data, err := safefile.Read(filepath.Join(root, filepath.FromSlash(name)), safefile.Source)
		if err != nil {
			continue
		}
		if p.owners, err = codeowners.ParseFile(bytes.NewReader(data)); err != nil {
			if owner == "" {
				break
			}
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		break
	}
	if owner != "" && p.owners == nil {
		return nil, fmt.Errorf("--owner: the repository has no CODEOWNERS file")
	}
	return p, nil
}

// Has reports whether a finding in the file, relative to the root and with
// slashes, belongs to the part. All files of a package are in one shard, whatever
// else there is in the tree.
func (p *Part) Has(rel string) bool {
	if p.of > 0 {
		h := fnv.New32a()
		h.Write([]byte(path.Dir(rel)))
		if int(h.Sum32()%uint32(p.of)) != p.index-1 {
			return false
		}
	}
	return p.owner == "" || slices.Contains(p.Owners(rel), p.owner)
}

// Owners returns who owns the file.
func (p *Part) Owners(rel string) []string {
	rule, err := p.owners.Match(rel)
	if err != nil || rule == nil {
		return nil
	}
	var out []string
	for _, o := range rule.Owners {
		out = append(out, o.String())
	}
	return out
}

// Others returns the owners of the files, other than the part's.
func (p *Part) Others(rels []string) []string {
	if p.owner == "" {
		return nil
	}
	var out []string
	for _, rel := range rels {
		for _, o := range p.Owners(rel) {
			if o != p.owner && !slices.Contains(out, o) && !slices.Contains(p.Owners(rel), p.owner) {
				out = append(out, o)
			}
		}
	}
	slices.Sort(out)
	return out
}
