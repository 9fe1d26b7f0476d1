package emulator

import (
	"maps"
	"slices"
)

// key names one thing in the emulated cloud. Region is empty for what belongs to the whole account, as roles do.
type key struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Region  string `json:"region,omitempty"`
	ID      string `json:"id"`
}

func (k key) compare(o key) int {
	return slices.Compare([]string{k.Type, k.Account, k.Region, k.ID}, []string{o.Type, o.Account, o.Region, o.ID})
}

// record is one thing in the emulated cloud, as the journal keeps it. Records are replaced and never changed in place, so
// that a reader may keep one.
type record struct {
	key
	Managed bool   `json:"managed,omitempty"`
	URN     string `json:"urn,omitempty"`
	// Owner made this and takes it along when it goes: the instances of a group, the interface of a NAT gateway.
	Owner *key `json:"owner,omitempty"`
	// Inputs is what the program asked for, Outputs what the cloud added, Extra what the cloud knows and does not tell.
	Inputs  map[string]any `json:"inputs,omitempty"`
	Outputs map[string]any `json:"outputs,omitempty"`
	Extra   map[string]any `json:"extra,omitempty"`
}

// clone copies a record far enough for its top-level values to be set.
func (r *record) clone() *record {
	c := *r
	c.Inputs, c.Outputs, c.Extra = copied(r.Inputs), copied(r.Outputs), copied(r.Extra)
	return &c
}

func copied(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return maps.Clone(m)
}

// get returns a value as the program gave it or, where it gave none, as the cloud chose it.
func (r *record) get(property string) any {
	if v, ok := r.Inputs[property]; ok {
		return v
	}
	return r.Outputs[property]
}

func (r *record) str(property string) string    { return str(r.get(property)) }
func (r *record) flag(property string) bool     { return flag(r.get(property)) }
func (r *record) num(property string) int       { return num(r.get(property)) }
func (r *record) strs(property string) []string { return strs(r.get(property)) }

func str(v any) string {
	s, _ := v.(string)
	return s
}

// flag reads a truth value; launch templates write theirs as strings.
func flag(v any) bool {
	b, _ := v.(bool)
	return b || v == "true"
}

func num(v any) int {
	switch n := v.(type) {
	case float64:
		return int(n)
	case int:
		return n
	}
	return 0
}

func obj(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// objs reads a list of objects.
func objs(v any) []map[string]any {
	list, _ := v.([]any)
	out := make([]map[string]any, 0, len(list))
	for _, e := range list {
		out = append(out, obj(e))
	}
	return out
}

func strs(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// anys is the inverse of strs: records hold what JSON holds.
func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
