package cloud

import (
	"maps"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// ValuesAt follows a path through plain JSON and returns the non-empty strings at its end.
func ValuesAt(v any, path string) []string {
	step, rest, more := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(step, "[]")
	v = Object(v)[name]
	list := []any{v}
	if isList {
		list, _ = v.([]any)
	}
	var out []string
	for _, e := range list {
		if more {
			out = append(out, ValuesAt(e, rest)...)
		} else if s := Text(e); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// PlainValue returns a value as plain JSON, with secrets in the clear. A value that is not known yet becomes nil.
func PlainValue(v resource.PropertyValue) any {
	v = catalog.Bare(v)
	switch {
	case v.IsString():
		return v.StringValue()
	case v.IsNumber():
		return v.NumberValue()
	case v.IsBool():
		return v.BoolValue()
	case v.IsArray():
		list := make([]any, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			list[i] = PlainValue(e)
		}
		return list
	case v.IsObject():
		return PlainMap(v.ObjectValue())
	case v.IsAsset():
		return map[string]any{"hash": v.AssetValue().Hash}
	case v.IsArchive():
		return map[string]any{"hash": v.ArchiveValue().Hash}
	}
	return nil
}

// PlainMap returns properties as plain JSON, with secrets in the clear. It omits values that are not known yet and the engine's internal
// properties.
func PlainMap(m resource.PropertyMap) map[string]any {
	out := map[string]any{}
	for key, v := range m {
		if !resource.IsInternalPropertyKey(key) {
			if p := PlainValue(v); p != nil {
				out[string(key)] = p
			}
		}
	}
	return out
}

// CopyMap returns a shallow copy of a map, never nil.
func CopyMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return maps.Clone(m)
}

// Text returns a value as text, empty when it is of another type.
func Text(v any) string {
	s, _ := v.(string)
	return s
}

// Bool returns a truth value. Launch templates store theirs as strings.
func Bool(v any) bool {
	b, _ := v.(bool)
	return b || v == "true"
}

// Number returns a number without its fraction, 0 when the value is of another type.
func Number(v any) int {
	switch n := v.(type) {
	case float64:
		return int(n)
	case int:
		return n
	}
	return 0
}

// Object returns a value as an object, nil when it is of another type.
func Object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// Objects returns a list of objects.
func Objects(v any) []map[string]any {
	list, _ := v.([]any)
	out := make([]map[string]any, 0, len(list))
	for _, e := range list {
		out = append(out, Object(e))
	}
	return out
}

// Texts returns the texts in a list, without its elements of other types.
func Texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// AnyList is the inverse of Texts: records hold the types of JSON.
func AnyList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
