package main

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// findConstantDefaults asks Default itself what it fills in: path → value, for what is the same whatever else the file says. It
// tries regions with and without cache and link and under different names; a default that differs among them depends on the
// rest of the file and is told in words, in the key's comment.
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

// listDefaults lists what Default adds to a config.
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

// flattenConfig lists the values of a config by path; a list is one value.
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
