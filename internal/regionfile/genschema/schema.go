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

// buildSchema reflects the types, with comments as descriptions and Default's values as defaults.
func buildSchema() (*jsonschema.Schema, error) {
	r := &jsonschema.Reflector{
		Anonymous:                  true,
		DoNotReference:             true, // every type is used once, and a tree without references reads better in editors
		ExpandedStruct:             true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     describeScalar,
	}
	// One file and not the directory: the library would parse every package below it.
	if err := r.AddGoComments(regionsPackage, "config.go", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("reading comments of config.go: %w; run go generate ./internal/regionfile", err)
	}
	s := r.Reflect(&regionfile.Config{})
	// Draft 7 is what the YAML language server knows best, and nothing here needs a later one.
	s.Version = "http://json-schema.org/draft-07/schema#"
	s.Title = "Beachhead region file"
	values, err := findConstantDefaults()
	if err != nil {
		return nil, err
	}
	completeSchema(s, "", values)
	return s, nil
}

// describeScalar describes the types that read themselves from one scalar, and the closed enums.
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

// completeSchema joins the lines of descriptions and adds the defaults, all the way down. Items of lists and values of maps go by
// the path of their parent with .*.
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

// toSentence makes a Go comment a sentence for a page: on one line, and "Runner is one fleet" without the type's name.
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
