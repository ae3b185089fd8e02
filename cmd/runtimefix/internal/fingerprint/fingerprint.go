// Package fingerprint names findings so that the name survives edits elsewhere
// in the file.
package fingerprint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// Of returns a fingerprint for each finding of list. It depends on the rule,
// the path relative to root, the text of the line without its indentation, and
// the number of findings in list before it for which all these are the same.
func Of(root string, list []rewrite.Found) []string {
	seen := make(map[string]int)
	out := make([]string, len(list))
	for i, f := range list {
		key := strings.Join([]string{f.Rule, RelPath(root, f.Pos.Filename), line(f)}, "\x00")
		sum := sha256.Sum256([]byte(key + "\x00" + strconv.Itoa(seen[key])))
		seen[key]++
		out[i] = hex.EncodeToString(sum[:16])
	}
	return out
}

// RelPath returns path relative to root with slashes, path itself when it is
// outside of root.
func RelPath(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

// line returns the words of the line at which f begins.
func line(f rewrite.Found) string {
	src := f.Source
	if f.Pos.Offset > len(src) {
		return ""
	}
	start := bytes.LastIndexByte(src[:f.Pos.Offset], '\n') + 1
	end := len(src)
	if i := bytes.IndexByte(src[start:], '\n'); i >= 0 {
		end = start + i
	}
	return strings.Join(strings.Fields(string(src[start:end])), " ")
}
