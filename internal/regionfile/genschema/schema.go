package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

const regionsPackage = "github.com/beachhead-build/beachhead/internal/regionfile"

// buildSchema derives the schema from the types. Comments become descriptions, and Default's values become defaults.
func buildSchema() (*jsonschema.Schema, error) {
	r := &jsonschema.Reflector{
		Anonymous:                  true,
		DoNotReference:             true, // each type is used once, and editors show a tree without references better
		ExpandedStruct:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     describeScalar,
	}
	// One file and not the directory, because the library would parse every package below it.
	if err := r.AddGoComments(regionsPackage, "config.go", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("reading comments of config.go: %w; run go generate ./internal/regionfile", err)
	}
	s := r.Reflect(&regionfile.Config{})
	// The YAML language server supports draft 7 best, and the schema needs no later draft.
	s.Version = "http://json-schema.org/draft-07/schema#"
	s.Title = "Beachhead region file"
	values, err := findConstantDefaults()
	if err != nil {
		return nil, err
	}
	completeSchema(s, "", values)
	return s, nil
}

// describeScalar returns the schema of a type that reads itself from one scalar, or of an enum. It returns nil for other
// types.
func describeScalar(t reflect.Type) *jsonschema.Schema {
	text := func(format, pattern string) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Format: format, Pattern: pattern}
	}
	switch t {
	case reflect.TypeFor[regionfile.Duration]():
		return text("", `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`)
	case reflect.TypeFor[regionfile.Size]():
		return text("", `^[0-9]{1,9}(GiB|TiB)$`)
	case reflect.TypeFor[netip.Prefix]():
		return text("", `^[0-9.]+/[0-9]{1,2}$`)
	case reflect.TypeFor[netip.Addr]():
		return text("ipv4", "")
	}
	if e, ok := reflect.Zero(t).Interface().(interface{ Values() []string }); ok {
		s := text("", "")
		for _, v := range e.Values() {
			s.Enum = append(s.Enum, v)
		}
		return s
	}
	return nil
}

// completeSchema cleans up descriptions and adds defaults, recursively. Items of lists and values of maps have the path of
// their parent with .* appended.
func completeSchema(s *jsonschema.Schema, path string, values map[string]any) {
	s.Description = toSentence(s.Description)
	if v, ok := values[path]; ok {
		s.Default = v
	}
	if s.Items != nil {
		completeSchema(s.Items, path+".*", values)
	}
	if inner := s.AdditionalProperties; inner != nil && inner != jsonschema.FalseSchema {
		completeSchema(inner, path+".*", values)
	}
	for key, inner := range s.Properties.FromOldest() {
		completeSchema(inner, strings.TrimPrefix(path+"."+key, "."), values)
	}
}

// toSentence turns a Go comment into a sentence on one line. It drops the type's name from "Runner is one fleet".
func toSentence(comment string) string {
	comment = strings.ReplaceAll(comment, "\n", " ")
	name, rest, found := strings.Cut(comment, " is ")
	if !found || rest == "" || strings.Contains(name, " ") {
		return comment
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

func marshalSchema(s *jsonschema.Schema) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	return out.Bytes(), nil
}
