package main

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// findConstantDefaults returns the defaults, by path, that do not depend on the rest of the file. It calls Default for
// regions with and without cache and link and with different names. A default that differs between them depends on the rest
// of the file, and the key's comment describes it.
func findConstantDefaults() (map[string]any, error) {
	constant, varies := map[string]any{}, map[string]bool{}
	for name, c := range map[string]*regionfile.Config{
		"a": {Cache: &regionfile.Cache{}, GCP: &regionfile.GCP{}},
		"b": {Cache: &regionfile.Cache{}, GCP: &regionfile.GCP{Link: regionfile.NoLink}},
		"c": {GCP: &regionfile.GCP{}},
		"d": {GCP: &regionfile.GCP{Link: regionfile.NoLink}},
	} {
		c.Name = name
		c.Runners = map[string]regionfile.Runner{"*": {}}
		filled, err := listDefaults(c)
		if err != nil {
			return nil, err
		}
		for path, v := range filled {
			if before, seen := constant[path]; seen && !reflect.DeepEqual(before, v) {
				varies[path] = true
			}
			constant[path] = v
		}
	}
	for path := range varies {
		delete(constant, path)
	}
	return constant, nil
}

// listDefaults returns the values that Default adds to a config, by path.
func listDefaults(c *regionfile.Config) (map[string]any, error) {
	before, err := flattenConfig(c)
	if err != nil {
		return nil, err
	}
	c.Default()
	after, err := flattenConfig(c)
	if err != nil {
		return nil, err
	}
	for path, v := range after {
		if reflect.DeepEqual(before[path], v) {
			delete(after, path)
		}
	}
	return after, nil
}

// flattenConfig returns the values of a config by path. A list is one value.
func flattenConfig(c *regionfile.Config) (map[string]any, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing a config: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("reading a config back: %w", err)
	}
	out := map[string]any{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		inner, isMap := v.(map[string]any)
		if !isMap {
			out[path] = v
			return
		}
		for key, v := range inner {
			if path != "" {
				key = path + "." + key
			}
			walk(key, v)
		}
	}
	walk("", tree)
	return out, nil
}
