package catalog

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Failure describes what is wrong with one property.
type Failure struct {
	Property string // its path: networkInterfaces[0].subnetId
	Reason   string
}

// Check compares inputs with the table and returns every failure: unknown properties, missing required ones, values of the
// wrong type. A value that is not known yet passes.
func (t *Table) Check(r *Resource, inputs resource.PropertyMap) []Failure {
	c := &checker{table: t}
	c.object("", r.Inputs, inputs)
	return c.failures
}

type checker struct {
	table    *Table
	failures []Failure
}

func (c *checker) bad(path, format string, args ...any) {
	c.failures = append(c.failures, Failure{Property: path, Reason: fmt.Sprintf(format, args...)})
}

func (c *checker) object(path string, properties map[string]Property, m resource.PropertyMap) {
	for _, key := range m.StableKeys() {
		if resource.IsInternalPropertyKey(key) {
			continue
		}
		p, ok := properties[string(key)]
		if !ok {
			c.bad(join(path, string(key)), "unknown property%s", nearest(string(key), properties))
			continue
		}
		c.value(join(path, string(key)), p.Type, m[key])
	}
	for _, name := range sortedKeys(properties) {
		if v, ok := m[resource.PropertyKey(name)]; properties[name].Required && (!ok || v.IsNull()) {
			c.bad(join(path, name), "missing required property")
		}
	}
}

func (c *checker) value(path, typ string, v resource.PropertyValue) {
	v = Bare(v)
	if v.IsNull() || v.IsComputed() || v.IsOutput() {
		return
	}
	switch {
	case typ[0] == '[':
		c.list(path, typ[1:len(typ)-1], v)
	case typ[0] == '{':
		c.entries(path, typ[1:len(typ)-1], v)
	case typ[0] == '@':
		c.nested(path, typ[1:], v)
	case !isScalar(typ, v):
		c.bad(path, "want %s, got %s", typ, v.TypeString())
	}
}

func (c *checker) list(path, element string, v resource.PropertyValue) {
	if !v.IsArray() {
		c.bad(path, "want a list, got %s", v.TypeString())
		return
	}
	for i, e := range v.ArrayValue() {
		c.value(fmt.Sprintf("%s[%d]", path, i), element, e)
	}
}

func (c *checker) entries(path, element string, v resource.PropertyValue) {
	if !v.IsObject() {
		c.bad(path, "want a map, got %s", v.TypeString())
		return
	}
	for _, key := range v.ObjectValue().StableKeys() {
		c.value(join(path, string(key)), element, v.ObjectValue()[key])
	}
}

func (c *checker) nested(path, name string, v resource.PropertyValue) {
	o, ok := c.table.Types[name]
	if !ok {
		c.bad(path, "the property table lacks type %s", name)
		return
	}
	if !v.IsObject() {
		c.bad(path, "want an object, got %s", v.TypeString())
		return
	}
	c.object(path, o.Properties, v.ObjectValue())
}

func isScalar(typ string, v resource.PropertyValue) bool {
	switch typ {
	case "string":
		return v.IsString()
	case "boolean":
		return v.IsBool()
	case "number":
		return v.IsNumber()
	case "integer":
		return v.IsNumber() && v.NumberValue() == math.Trunc(v.NumberValue())
	case "Asset", "Archive":
		return v.IsAsset() || v.IsArchive()
	}
	return false
}

// Bare takes off what marks a value as secret or as an output, down to the value or to its being unknown.
func Bare(v resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case v.IsSecret():
			v = v.SecretValue().Element
		case v.IsOutput() && v.OutputValue().Known:
			v = v.OutputValue().Element
		default:
			return v
		}
	}
}

// nearest hints at a property that differs in case or in a plural only, the usual slips.
func nearest(key string, properties map[string]Property) string {
	plain := func(s string) string { return strings.TrimSuffix(strings.ToLower(s), "s") }
	for _, name := range sortedKeys(properties) {
		if plain(name) == plain(key) {
			return fmt.Sprintf("; did you mean %s?", name)
		}
	}
	return ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
