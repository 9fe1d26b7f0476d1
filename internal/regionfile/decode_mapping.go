package regionfile

import (
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// entry is a key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// listEntries returns the entries of a mapping and resolves merge keys. A key of the mapping itself wins over a merged key,
// and an earlier merge wins over a later merge. outer contains the mappings around this one that are being merged.
func (d *decoder) listEntries(n *yaml.Node, p keyPath, outer []*yaml.Node) []entry {
	var own []entry
	var merged []*yaml.Node
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := followAlias(n.Content[i]), n.Content[i+1]
		if !d.countVisit(key) {
			return nil
		}
		if key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if !d.checkKey(key, p) {
			continue
		}
		if first, twice := seen[key.Value]; twice {
			d.reportError(key, p.child(key.Value), fmt.Sprintf("is set twice, first on line %d", first), "each key once")
			continue
		}
		seen[key.Value] = key.Line
		own = append(own, entry{key, value})
	}
	for _, m := range merged {
		for _, e := range d.resolveMerge(m, p, append(outer, n)) {
			if _, there := seen[e.key.Value]; !there {
				seen[e.key.Value] = e.key.Line
				own = append(own, e)
			}
		}
	}
	return own
}

// resolveMerge returns the entries of a merge key's value. The value is a mapping, or a list of mappings in which earlier
// mappings win.
func (d *decoder) resolveMerge(n *yaml.Node, p keyPath, outer []*yaml.Node) []entry {
	at := n
	n = followAlias(n)
	switch {
	case !d.countVisit(at):
		return nil
	case slices.Contains(outer, n):
		d.reportError(at, p.child("<<"), "merges a mapping into itself", "an alias to another mapping")
		return nil
	case n.Kind == yaml.MappingNode:
		return d.listEntries(n, p, outer)
	case n.Kind == yaml.SequenceNode:
		var all []entry
		for _, item := range n.Content {
			// The list itself counts as outer, so a list that contains itself ends.
			all = append(all, d.resolveMerge(item, p, append(outer, n))...)
		}
		return all
	}
	d.reportError(at, p.child("<<"), "is "+describeKind(n), "an alias to a mapping, for example <<: *containers")
	return nil
}

// checkKey reports a key that is not a string. It returns whether the key is valid.
func (d *decoder) checkKey(key *yaml.Node, p keyPath) bool {
	if key.Kind != yaml.ScalarNode {
		d.reportError(key, p, "has a key that is "+describeKind(key), "a string as the key")
		return false
	}
	if key.ShortTag() != "!!str" {
		d.reportError(key, p.child(key.Value), "the key is "+describeKind(key)+" and must be quoted", quoteValue(key.Value))
		return false
	}
	return true
}

// decodeStruct decodes a node into a struct.
func (d *decoder) decodeStruct(n *yaml.Node, v reflect.Value, p keyPath, l limits) {
	if n.Kind != yaml.MappingNode {
		d.reportError(n, p, "is "+describeKind(n), l.describeWanted(v.Type()))
		return
	}
	fields := listFields(v.Type())
	given := map[string]bool{}
	for _, e := range d.listEntries(n, p, nil) {
		at := p.child(e.key.Value)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == e.key.Value })
		if i < 0 {
			given[d.reportUnknownKey(e.key, p, v.Type())] = true
			continue
		}
		given[e.key.Value] = true
		d.lines[at] = e.key.Line
		d.decodeValue(e.value, v.Field(fields[i].index), at, fields[i].limits)
	}
	for _, f := range fields {
		if f.required && !given[f.name] {
			d.reportError(nil, p.child(f.name), "is missing", f.describeWanted(f.typ))
		}
	}
}

// reportUnknownKey reports a key that the struct does not have. It returns the key that the user probably meant, or "".
func (d *decoder) reportUnknownKey(key *yaml.Node, p keyPath, t reflect.Type) string {
	keys := listKeys(t)
	meant := suggestName(key.Value, keys)
	want := meant
	if meant == "" {
		want = "one of " + joinOr(keys)
	} else {
		d.broken[p.child(meant)] = true
	}
	d.reportError(key, p.child(key.Value), "unknown key", want)
	return meant
}

// decodeMap decodes a node into a map with names as keys.
func (d *decoder) decodeMap(n *yaml.Node, v reflect.Value, p keyPath, l limits) {
	if n.Kind != yaml.MappingNode {
		d.reportError(n, p, "is "+describeKind(n), l.describeWanted(v.Type()))
		return
	}
	t := v.Type()
	entries := d.listEntries(n, p, nil)
	if len(entries) == 0 {
		return // keep nil: an empty mapping means the same as no mapping
	}
	out := reflect.MakeMapWithSize(t, len(entries))
	for _, e := range entries {
		at := p.child(e.key.Value)
		d.lines[at] = e.key.Line
		item := reflect.New(t.Elem()).Elem()
		d.decodeValue(e.value, item, at, limits{want: describeItem(t.Elem()), mayBeEmpty: true})
		out.SetMapIndex(reflect.ValueOf(e.key.Value), item)
	}
	v.Set(out)
}

// decodeList decodes a node into a slice.
func (d *decoder) decodeList(n *yaml.Node, v reflect.Value, p keyPath, l limits) {
	if n.Kind != yaml.SequenceNode {
		d.reportError(n, p, "is "+describeKind(n)+", not a list", l.describeWanted(v.Type()))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		at := p.item(i)
		d.lines[at] = item.Line
		d.decodeValue(item, out.Index(i), at, limits{want: describeItem(v.Type().Elem())})
	}
	if wrong := l.findBreach(out); wrong != "" {
		d.reportError(n, p, wrong, l.describeWanted(v.Type()))
	}
	if out.Len() > 0 {
		v.Set(out)
	}
}

// describeItem returns what to write for an item of a list or map of strings. Other types describe themselves.
func describeItem(t reflect.Type) string {
	if t == reflect.TypeFor[string]() {
		return "a string"
	}
	return ""
}
