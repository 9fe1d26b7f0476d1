package catalog

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Comparison describes how to compare two sets of inputs of one resource.
type Comparison struct {
	// Sets names lists of objects whose order means nothing. Lists of plain values are sets unless Ordered names them.
	Sets, Ordered []string
	// CreateOnly names properties that can be set at creation only, beyond those of the table: for resources that are written with
	// Terraform's newer framework the schema does not tell.
	CreateOnly []string
}

// Diff returns what changed from the inputs old to the inputs news, by property path. The state holds all outputs of the
// resource: an input that newly sets the current value is no change.
func (r *Resource) Diff(how Comparison, old, state, news resource.PropertyMap) map[string]plugin.PropertyDiff {
	old, news = r.comparable(how, old, state, news)
	diff := old.Diff(news, resource.IsInternalPropertyKey)
	if diff == nil {
		return nil
	}
	detailed := plugin.NewDetailedDiffFromObjectDiff(diff, true)
	for path, d := range detailed {
		if r.createOnly(how, path) {
			d.Kind = d.Kind.AsReplace()
			detailed[path] = d
		}
	}
	return detailed
}

// comparable evens out what is no difference: order in sets, values that the state has already, and values that the cloud chose.
func (r *Resource) comparable(how Comparison, old, state, news resource.PropertyMap) (resource.PropertyMap, resource.PropertyMap) {
	old, state, news = bareMap(old), bareMap(state), bareMap(news)
	for key := range old {
		if _, ok := r.Inputs[string(key)]; !ok {
			delete(old, key)
		}
		if _, ok := news[key]; !ok && r.OptionalComputed(string(key)) {
			delete(old, key)
		}
	}
	for key, v := range news {
		set := slices.Contains(how.Sets, string(key))
		ordered := slices.Contains(how.Ordered, string(key))
		if s, ok := state[key]; ok && !v.ContainsUnknowns() && same(s, v, set, ordered) {
			old[key] = v
			continue
		}
		if o, ok := old[key]; ok && same(o, v, set, ordered) {
			old[key] = v
		}
	}
	return old, news
}

// createOnly looks up the root of a path: what is below a property that can be set at creation only shares its fate.
func (r *Resource) createOnly(how Comparison, path string) bool {
	parsed, err := resource.ParsePropertyPath(path)
	if err != nil || len(parsed) == 0 {
		return false
	}
	root, _ := parsed[0].(string)
	return r.Inputs[root].CreateOnly || slices.Contains(how.CreateOnly, root)
}

// same compares two values; lists of plain values, and lists of objects if set is true, are compared as sets.
func same(a, b resource.PropertyValue, set, ordered bool) bool {
	switch {
	case a.IsArray() && b.IsArray():
		return sameList(a.ArrayValue(), b.ArrayValue(), set, ordered)
	case a.IsObject() && b.IsObject():
		return sameObject(a.ObjectValue(), b.ObjectValue(), ordered)
	}
	return a.DeepEquals(b)
}

func sameList(a, b []resource.PropertyValue, set, ordered bool) bool {
	if len(a) != len(b) {
		return false
	}
	plain := len(a) > 0 && !a[0].IsObject()
	if ordered || !plain && !set {
		for i := range a {
			if !same(a[i], b[i], false, ordered) {
				return false
			}
		}
		return true
	}
	rest := slices.Clone(b)
	for _, v := range a {
		i := slices.IndexFunc(rest, func(w resource.PropertyValue) bool { return same(v, w, false, ordered) })
		if i < 0 {
			return false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return true
}

func sameObject(a, b resource.PropertyMap, ordered bool) bool {
	if len(a) != len(b) {
		return false
	}
	for key, v := range a {
		w, ok := b[key]
		if !ok || !same(v, w, false, ordered) {
			return false
		}
	}
	return true
}

// bareMap copies a map without marks of secrets and outputs, at every depth, without nulls and without internal keys.
func bareMap(m resource.PropertyMap) resource.PropertyMap {
	out := resource.PropertyMap{}
	for key, v := range m {
		if v = bareDeep(v); !v.IsNull() && !resource.IsInternalPropertyKey(key) {
			out[key] = v
		}
	}
	return out
}

func bareDeep(v resource.PropertyValue) resource.PropertyValue {
	v = Bare(v)
	switch {
	case v.IsArray():
		list := make([]resource.PropertyValue, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			list[i] = bareDeep(e)
		}
		return resource.NewArrayProperty(list)
	case v.IsObject():
		return resource.NewObjectProperty(bareMap(v.ObjectValue()))
	}
	return v
}
