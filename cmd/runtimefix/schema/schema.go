// Package schema holds the JSON schemas of the configuration and the report.
package schema

import _ "embed" // for the files below

// Config is the schema of .runtimefix.yaml.
//
//go:embed config.schema.json
var Config []byte
