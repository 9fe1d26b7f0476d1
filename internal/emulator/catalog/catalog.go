// Package catalog knows the properties of a cloud's resources: which exist, their types, which are required, which can be
// set at creation only and which outputs a resource always has.
//
// The tables were extracted from the providers' own schemas. This package applies them to property maps as they come from
// the Pulumi engine, with values that are not known yet and secrets among them; it knows nothing of a cloud's rules.
package catalog

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"sync"
)

// The tables lie here uncompressed: 200 KiB of the binary, against a diff that can be read when they are renewed.
//
//go:embed *.json
var files embed.FS

// Table describes the resources of one cloud's provider.
type Table struct {
	// Package is the provider's name, aws, and Version that of the provider whose schema this is.
	Package   string               `json:"package"`
	Version   string               `json:"version"`
	Resources map[string]*Resource `json:"resources"` // by type token, aws:ec2/vpc:Vpc
	Functions map[string]*Function `json:"functions"` // by token, aws:ebs/getVolume:getVolume
	Types     map[string]*Object   `json:"types"`     // what a property of type @Name holds
}

// Resource describes one resource type.
type Resource struct {
	Inputs map[string]Property `json:"inputs"`
	// Computed names the outputs that are no inputs, AlwaysSet the outputs that are never absent.
	Computed  []string `json:"computed"`
	AlwaysSet []string `json:"alwaysSet"`
	// SecretOutputs names the outputs that are secret whatever the program declares.
	SecretOutputs []string `json:"secretOutputs"`
}

// Function describes a look-up: what it takes, and the names of what it answers.
type Function struct {
	Inputs  map[string]Property `json:"inputs"`
	Outputs []string            `json:"outputs"`
}

// Object describes the fields of a nested object.
type Object struct {
	Properties map[string]Property `json:"properties"`
}

// Property describes one property.
type Property struct {
	// Type is string, boolean, integer, number, Asset, Archive, [T] for a list, {T} for a map or @Name for an Object.
	Type     string `json:"type"`
	Required bool   `json:"required"`
	// CreateOnly means that another value needs another resource.
	CreateOnly bool `json:"createOnly"`
	Secret     bool `json:"secret"`
	// Default is the value that the provider takes for an absent one; nil when the table names none.
	Default any `json:"default"`
}

var tables sync.Map // package name → func() (*Table, error)

// Load returns the table of a provider, read once per process. The table is shared: callers must not change it.
func Load(pkg string) (*Table, error) {
	load, _ := tables.LoadOrStore(pkg, sync.OnceValues(func() (*Table, error) { return read(pkg) }))
	return load.(func() (*Table, error))()
}

// read joins the extracted table with what the Go SDK knows beyond it: the SDK was made from a later provider.
func read(pkg string) (*Table, error) {
	t, err := decode(pkg + ".json")
	if err != nil {
		return nil, err
	}
	if _, err := files.Open(pkg + "-later.json"); errors.Is(err, fs.ErrNotExist) {
		return t, nil // the table is complete
	}
	later, err := decode(pkg + "-later.json")
	if err != nil {
		return nil, err
	}
	t.Version = later.Version
	for name, r := range later.Resources {
		into, ok := t.Resources[name]
		if !ok {
			t.Resources[name] = r
			continue
		}
		merge(into.Inputs, r.Inputs)
		into.Computed = append(into.Computed, r.Computed...)
	}
	maps.Copy(t.Functions, later.Functions)
	for name, o := range later.Types {
		if into, ok := t.Types[name]; ok {
			merge(into.Properties, o.Properties)
		} else {
			t.Types[name] = o
		}
	}
	return t, nil
}

func merge(into, from map[string]Property) {
	for name, p := range from {
		into[name] = p
	}
}

func decode(name string) (*Table, error) {
	raw, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("no property table: %w", err)
	}
	t := &Table{}
	if err := json.Unmarshal(raw, t); err != nil {
		return nil, fmt.Errorf("property table %s: %w", name, err)
	}
	return t, nil
}

// OptionalComputed reports whether an input may be left out and then has a value of the cloud's choosing. Taking such an
// input out of a program changes nothing: the value that it had stays.
func (r *Resource) OptionalComputed(property string) bool {
	p, ok := r.Inputs[property]
	if !ok || p.Required {
		return false
	}
	for _, name := range r.AlwaysSet {
		if name == property {
			return true
		}
	}
	return false
}
