package main

import (
	"testing"

	"github.com/invopop/jsonschema"
)

// The page has a table for every mapping, even for one with a single key.
func TestFindMapping(t *testing.T) {
	mapping := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties()}
	mapping.Properties.Set("key", &jsonschema.Schema{Type: "string"})
	text := &jsonschema.Schema{Type: "string"}
	cases := []struct {
		name   string
		schema *jsonschema.Schema
		want   *jsonschema.Schema
		suffix string
	}{
		{"mapping", mapping, mapping, ""},
		{"list of mappings", &jsonschema.Schema{Type: "array", Items: mapping}, mapping, "[]"},
		{"mapping by name", &jsonschema.Schema{Type: "object", AdditionalProperties: mapping}, mapping, ".NAME"},
		{"text", text, nil, ""},
		{"list of texts", &jsonschema.Schema{Type: "array", Items: text}, nil, ""},
		{"texts by name", &jsonschema.Schema{Type: "object", AdditionalProperties: text}, nil, ""},
	}
	for _, c := range cases {
		if got, suffix := findMapping(c.schema); got != c.want || suffix != c.suffix {
			t.Errorf("%s: %v, %q; want %v, %q", c.name, got, suffix, c.want, c.suffix)
		}
	}
}
