package regionfile

import (
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// entry is a key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// entries lists the keys of a mapping, merge keys resolved: a key of the mapping itself goes before a merged one, an
// earlier merge before a later. outer holds the mappings that are being merged around this one.
func (d *decoder) entries(n *yaml.Node, p place, outer []*yaml.Node) []entry {
	var own []entry
	var merged []*yaml.Node
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := follow(n.Content[i]), n.Content[i+1]
		if !d.visit(key) {
			return nil
		}
		if key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if !d.plainKey(key, p) {
			continue
		}
		if first, twice := seen[key.Value]; twice {
			d.bad(key, p.key(key.Value), fmt.Sprintf("is there twice, first on line %d", first), "each key once")
			continue
		}
		seen[key.Value] = key.Line
		own = append(own, entry{key, value})
	}
	for _, m := range merged {
		for _, e := range d.merge(m, p, append(outer, n)) {
			if _, there := seen[e.key.Value]; !there {
				seen[e.key.Value] = e.key.Line
				own = append(own, e)
			}
		}
	}
	return own
}

// merge lists what the value of a merge key brings: a mapping, or a list of mappings of which the earlier ones win.
func (d *decoder) merge(n *yaml.Node, p place, outer []*yaml.Node) []entry {
	at := n
	n = follow(n)
	switch {
	case !d.visit(at):
		return nil
	case slices.Contains(outer, n):
		d.bad(at, p.key("<<"), "merges a mapping into itself", "an alias to another mapping")
		return nil
	case n.Kind == yaml.MappingNode:
		return d.entries(n, p, outer)
	case n.Kind == yaml.SequenceNode:
		var all []entry
		for _, item := range n.Content {
			// The list itself counts as outer, so that a list of itself ends.
			all = append(all, d.merge(item, p, append(outer, n))...)
		}
		return all
	}
	d.bad(at, p.key("<<"), "is "+kindName(n), "an alias to a mapping, for example <<: *containers")
	return nil
}

// plainKey reports a key that is not a text.
func (d *decoder) plainKey(key *yaml.Node, p place) bool {
	if key.Kind != yaml.ScalarNode {
		d.bad(key, p, "has a key that is "+kindName(key), "a text as key")
		return false
	}
	if key.ShortTag() != "!!str" {
		d.bad(key, p.key(key.Value), "the key is "+kindName(key)+" and not a text", "it in quotes: "+quote(key.Value))
		return false
	}
	return true
}

// mapping decodes a node into a struct.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, p place, l limits) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, p, "is "+kindName(n), l.wanted(v.Type()))
		return
	}
	fields := fieldsOf(v.Type())
	given := map[string]bool{}
	for _, e := range d.entries(n, p, nil) {
		at := p.key(e.key.Value)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == e.key.Value })
		if i < 0 {
			given[d.unknown(e.key, p, v.Type())] = true
			continue
		}
		given[e.key.Value] = true
		d.lines[at] = e.key.Line
		d.value(e.value, v.Field(fields[i].index), at, fields[i].limits)
	}
	for _, f := range fields {
		if f.required && !given[f.name] {
			d.bad(nil, p.key(f.name), "is missing", f.wanted(f.typ))
		}
	}
}

// unknown reports a key that the struct does not have, and gives the key that was probably meant.
func (d *decoder) unknown(key *yaml.Node, p place, t reflect.Type) string {
	keys := keysOf(t)
	meant := nearest(key.Value, keys)
	want := meant
	if meant == "" {
		want = "one of " + either(keys)
	} else {
		d.broken[p.key(meant)] = true
	}
	d.bad(key, p.key(key.Value), "there is no such key", want)
	return meant
}

// table decodes a node into a map from names.
func (d *decoder) table(n *yaml.Node, v reflect.Value, p place, l limits) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, p, "is "+kindName(n), l.wanted(v.Type()))
		return
	}
	t := v.Type()
	entries := d.entries(n, p, nil)
	if len(entries) == 0 {
		return // nil and empty are one: a file that writes {} means none
	}
	out := reflect.MakeMapWithSize(t, len(entries))
	for _, e := range entries {
		at := p.key(e.key.Value)
		d.lines[at] = e.key.Line
		item := reflect.New(t.Elem()).Elem()
		d.value(e.value, item, at, limits{want: itemWant(t.Elem()), mayBeEmpty: true})
		out.SetMapIndex(reflect.ValueOf(e.key.Value), item)
	}
	v.Set(out)
}

// list decodes a node into a slice.
func (d *decoder) list(n *yaml.Node, v reflect.Value, p place, l limits) {
	if n.Kind != yaml.SequenceNode {
		d.bad(n, p, "is "+kindName(n)+" and not a list", l.wanted(v.Type()))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		at := p.at(i)
		d.lines[at] = item.Line
		d.value(item, out.Index(i), at, limits{want: itemWant(v.Type().Elem())})
	}
	if wrong := l.breach(out); wrong != "" {
		d.bad(n, p, wrong, l.wanted(v.Type()))
	}
	if out.Len() > 0 {
		v.Set(out)
	}
}

// itemWant is what to write for an item of a list or table of plain texts; other types describe themselves.
func itemWant(t reflect.Type) string {
	if t == reflect.TypeFor[string]() {
		return "a text"
	}
	return ""
}
