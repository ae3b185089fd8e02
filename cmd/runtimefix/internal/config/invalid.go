package config

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/suggest"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v3"
)

// compiled returns the schema of the file, and the names of its keys.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, []string) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema.Config))
	if err != nil {
		panic(err) // it is part of the program
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		panic(err)
	}
	s := c.MustCompile("config.schema.json")
	var keys []string
	for key := range s.Properties {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return s, keys
})

// invalid checks the document against the schema and returns the mistake that
// stands first, with its line.
func (r *reader) invalid(doc *yaml.Node) {
	var value map[string]any
	if err := doc.Decode(&value); err != nil {
		r.fail(doc.Line, "must be keys and values")
		return
	}
	for key, v := range value {
		if v == nil {
			delete(value, key) // a key whose values are commented out
		}
	}
	s, _ := compiled()
	err, ok := s.Validate(value).(*jsonschema.ValidationError)
	if !ok {
		return
	}
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			r.explain(doc, e)
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(err)
}

// explain turns a mistake that the schema found into words.
func (r *reader) explain(doc *yaml.Node, e *jsonschema.ValidationError) {
	node := at(doc, e.InstanceLocation)
	where := strings.Join(e.InstanceLocation, ".")
	if where != "" {
		where += ": "
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		_, keys := compiled()
		for _, name := range k.Properties {
			r.fail(at(doc, append(slices.Clone(e.InstanceLocation), name)).Line, "unknown key %q%s", name, suggest.DidYouMean(name, keys))
		}
	case *kind.Type:
		r.fail(node.Line, "%smust be %s, not %s", where, words(k.Want), kindWords[k.Got])
	case *kind.Enum:
		var want []string
		for _, v := range k.Want {
			want = append(want, fmt.Sprint(v))
		}
		r.fail(node.Line, "%s%q is none of %s", where, fmt.Sprint(k.Got), strings.Join(want, ", "))
	case *kind.Required:
		r.fail(node.Line, "%s%s is missing", where, strings.Join(k.Missing, ", "))
	case *kind.MinItems:
		r.fail(node.Line, "%smust not be empty", where)
	case *kind.Format: // of regular expressions: Go's own message says more
	default:
		r.fail(node.Line, "%sis not what the schema asks for", where)
	}
}

// kindWords are the JSON types as one who writes YAML calls them.
var kindWords = map[string]string{
	"array": "a list", "object": "keys and values", "string": "a text", "number": "a number", "integer": "a number", "boolean": "true or false", "null": "nothing",
}

func words(kinds []string) string {
	var out []string
	for _, k := range kinds {
		out = append(out, cmp.Or(kindWords[k], k))
	}
	return strings.Join(out, " or ")
}

// at returns the node at a place of the document, the innermost on the way to it
// that there is. Of a key without a value's node it is the key itself.
func at(n *yaml.Node, path []string) *yaml.Node {
	for n.Kind == yaml.DocumentNode || n.Kind == yaml.AliasNode {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		} else {
			n = n.Content[0]
		}
	}
	if len(path) == 0 {
		return n
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value != path[0] {
				continue
			}
			if v := n.Content[i+1]; len(path) > 1 || v.Kind == yaml.ScalarNode {
				return at(v, path[1:])
			}
			return n.Content[i] // the line of the key, where the list begins below it
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(path[0]); err == nil && i < len(n.Content) {
			return at(n.Content[i], path[1:])
		}
	}
	return n
}
