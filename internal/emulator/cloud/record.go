package cloud

import (
	"slices"
)

// Key identifies one record. Region is empty for records of the whole account, such as roles.
type Key struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Region  string `json:"region,omitempty"`
	ID      string `json:"id"`
}

func (k Key) compareTo(o Key) int {
	return slices.Compare([]string{k.Type, k.Account, k.Region, k.ID}, []string{o.Type, o.Account, o.Region, o.ID})
}

// Record is one resource in the emulated cloud, as the journal stores it. A change replaces the record and never modifies it, so a
// reader can keep one.
type Record struct {
	Key
	Managed bool   `json:"managed,omitempty"`
	URN     string `json:"urn,omitempty"`
	// Owner created this record and deletes it with itself: a group its instances, a NAT gateway its interface.
	Owner *Key `json:"owner,omitempty"`
	// Inputs are the values that the program set, Outputs those that the cloud added, Extra those that the cloud keeps to itself.
	Inputs  map[string]any `json:"inputs,omitempty"`
	Outputs map[string]any `json:"outputs,omitempty"`
	Extra   map[string]any `json:"extra,omitempty"`
}

// Clone copies a record so that the caller can set its top-level values.
func (r *Record) Clone() *Record {
	c := *r
	c.Inputs, c.Outputs, c.Extra = CopyMap(r.Inputs), CopyMap(r.Outputs), CopyMap(r.Extra)
	return &c
}

// Get returns the value that the program set or, when it set none, the value that the cloud chose.
func (r *Record) Get(property string) any {
	if v, ok := r.Inputs[property]; ok {
		return v
	}
	return r.Outputs[property]
}

// Text returns a property as text, empty when it is absent or of another type.
func (r *Record) Text(property string) string { return Text(r.Get(property)) }

// Bool returns a property as a truth value, false when it is absent. The text "true" counts as true, as launch templates store it.
func (r *Record) Bool(property string) bool { return Bool(r.Get(property)) }

// Number returns a property as an integer, 0 when it is absent or of another type.
func (r *Record) Number(property string) int { return Number(r.Get(property)) }

// Texts returns a property as a list of texts, empty when it is absent or of another type.
func (r *Record) Texts(property string) []string { return Texts(r.Get(property)) }
