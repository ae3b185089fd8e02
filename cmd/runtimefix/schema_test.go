package main

import (
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// TestConfigSchema checks that editors accept what the command accepts.
func TestConfigSchema(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("schema", "config.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return s.Validate(v)
	}
	good := `
extends: [a.yaml, example.com/m@b.yaml]
enable: [forcedgc]
disable: [maxprocs]
severity: {forcedgc: error}
safety: {publicpprof: safe}
exclude:
  - paths: ["third_party/**"]
    rules: [forcedgc]
handlers: ["^on[A-Z]"]
async-c: ["_enqueue$"]
baseline: known.json
`
	if err := check(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"colour: red", "severity: {forcedgc: fatal}", "exclude: [{rules: [forcedgc]}]", "exclude: [{paths: []}]", "extends: 1"} {
		if check(bad) == nil {
			t.Errorf("the schema accepts %s", bad)
		}
	}
}
