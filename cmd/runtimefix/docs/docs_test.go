package docs

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/schema"
)

var update = flag.Bool("update", false, "write the table of keys")

// TestConfigurationKeys checks that the guide's table is what the schema says:
//
//	go test ./cmd/runtimefix/docs -update
func TestConfigurationKeys(t *testing.T) {
	var s struct {
		Properties map[string]property
	}
	if err := json.Unmarshal(schema.Config, &s); err != nil {
		t.Fatal(err)
	}
	var rows []string
	add := func(key string, p property) {
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |", key, kind(p), strings.NewReplacer("|", `\|`, "*", `\*`).Replace(p.Description)))
	}
	for key, p := range s.Properties {
		if p.Items == nil || p.Items.Properties == nil {
			add(key, p)
			continue
		}
		for inner, q := range p.Items.Properties {
			add(key+"."+inner, q)
		}
	}
	slices.Sort(rows)
	const begin, end = "<!-- keys: generated from the schema -->\n", "<!-- end of keys -->\n"
	table := begin + "| key | value | |\n| --- | --- | --- |\n" + strings.Join(rows, "\n") + "\n" + end
	guide, _ := Guide("configuration")
	before, rest, ok := strings.Cut(guide, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("configuration.md lacks the marks around the table")
	}
	if want := before + table + after; guide != want {
		if *update {
			if err := os.WriteFile("configuration.md", []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Error("the table of keys is not what the schema says: run go test ./cmd/runtimefix/docs -update")
	}
}

// property is a key of the schema.
type property struct {
	Type        any
	Description string
	Items       *property
	Properties  map[string]property
	Additional  any `json:"additionalProperties"`
}

// kind says in words what values a key takes.
func kind(p property) string {
	switch {
	case p.Additional != nil:
		values := fmt.Sprint(p.Additional.(map[string]any)["enum"])
		return "by rule: " + strings.Join(strings.Fields(strings.Trim(values, "[]")), ", ")
	case fmt.Sprint(p.Type) == "array":
		return "list"
	case fmt.Sprint(p.Type) == "[string array]":
		return "text or list"
	}
	return "text"
}

// Each guide has a title and says something.
func TestGuides(t *testing.T) {
	topics := Topics()
	for _, topic := range topics {
		text, ok := Guide(topic)
		if !ok || !strings.HasPrefix(text, "# ") || strings.Count(text, "\n") < 5 {
			t.Errorf("the guide %s is no guide", topic)
		}
	}
	if len(topics) != 10 || !slices.IsSorted(topics) {
		t.Errorf("topics: %v", topics)
	}
	if _, ok := Guide("../main"); ok {
		t.Error("a guide outside of the folder")
	}
}
