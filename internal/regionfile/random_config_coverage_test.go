package regionfile

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Every key must appear in some random config. Otherwise the round trips and the fuzzing do not cover it.
func TestRandomConfigsSetEveryKey(t *testing.T) {
	missing := map[keyPath]bool{}
	addKeys(missing, reflect.TypeFor[Config](), "")
	configs := rapid.Custom(drawConfig)
	for seed := 0; seed < 500 && len(missing) > 0; seed++ {
		removeSetKeys(missing, reflect.ValueOf(configs.Example(seed)), "")
	}
	for _, p := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("no random config sets %s: draw it in random_config_test.go", p)
	}
}

// addKeys adds the paths of all keys of a type. Names of maps and indexes of lists are not part of these paths.
func addKeys(paths map[keyPath]bool, t reflect.Type, p keyPath) {
	for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Map, reflect.Slice}, t.Kind()) && !isTextType(t) {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || isTextType(t) {
		return
	}
	for _, f := range listFields(t) {
		paths[p.child(f.name)] = true
		addKeys(paths, f.typ, p.child(f.name))
	}
}

// removeSetKeys removes the paths of all keys that are not zero in v.
func removeSetKeys(paths map[keyPath]bool, v reflect.Value, p keyPath) {
	switch {
	case isTextType(v.Type()):
	case v.Kind() == reflect.Pointer && !v.IsNil():
		removeSetKeys(paths, v.Elem(), p)
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			removeSetKeys(paths, v.MapIndex(key), p)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			removeSetKeys(paths, v.Index(i), p)
		}
	case v.Kind() == reflect.Struct:
		for _, f := range listFields(v.Type()) {
			if value := v.Field(f.index); !value.IsZero() {
				delete(paths, p.child(f.name))
				removeSetKeys(paths, value, p.child(f.name))
			}
		}
	}
}
