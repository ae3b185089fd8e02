// Package baseline keeps a list of findings that are known, so that only new
// ones are shown.
package baseline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/fingerprint"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/printable"
	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/safefile"
)

// file is the form on disk. The message is there for people.
type file struct {
	Version  int     `json:"version"`
	Findings []entry `json:"findings"`
}

type entry struct {
	Path        string `json:"path"`
	Rule        string `json:"rule"`
	Fingerprint string `json:"fingerprint"`
	Message     string `json:"message"`
}

// Write writes the findings of a run, with paths relative to root, to path.
func Write(path, root string, list []rewrite.Found) error {
	f := file{Version: 1, Findings: []entry{}}
	for i, print := range fingerprint.Of(root, list) {
		f.Findings = append(f.Findings, entry{
			Path: fingerprint.RelPath(root, list[i].Pos.Filename), Rule: list[i].Rule, Fingerprint: print, Message: list[i].Message,
		})
	}
	// Sorted, so that the file changes little when the code does.
	slices.SortStableFunc(f.Findings, func(a, b entry) int {
		return strings.Compare(a.Path+"\x00"+a.Rule+"\x00"+a.Fingerprint, b.Path+"\x00"+b.Rule+"\x00"+b.Fingerprint)
	})
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(f); err != nil {
		return err
	}
	return safefile.Write(path, printable.JSON(b.Bytes()))
}

// Parse returns the fingerprints in data, the content of the baseline at path.
func Parse(path string, data []byte) (map[string]bool, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("reading the baseline %s: %w", path, err)
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("reading the baseline %s: version %d is not known", path, f.Version)
	}
	out := make(map[string]bool)
	for _, e := range f.Findings {
		out[e.Fingerprint] = true
	}
	return out, nil
}
