package cloud

import (
	"slices"
)

// Key names one thing in the emulated cloud. Region is empty for what belongs to the whole account, as roles do.
type Key struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Region  string `json:"region,omitempty"`
	ID      string `json:"id"`
}

func (k Key) compareTo(o Key) int {
	return slices.Compare([]string{k.Type, k.Account, k.Region, k.ID}, []string{o.Type, o.Account, o.Region, o.ID})
}

// Record is one thing in the emulated cloud, as the journal keeps it. Records are replaced and never changed in place, so
// that a reader may keep one.
type Record struct {
	Key
	Managed bool   `json:"managed,omitempty"`
	URN     string `json:"urn,omitempty"`
	// Owner made this and takes it along when it goes: the instances of a group, the interface of a NAT gateway.
	Owner *Key `json:"owner,omitempty"`
	// Inputs is what the program asked for, Outputs what the cloud added, Extra what the cloud knows and does not tell.
	Inputs  map[string]any `json:"inputs,omitempty"`
	Outputs map[string]any `json:"outputs,omitempty"`
	Extra   map[string]any `json:"extra,omitempty"`
}

// Clone copies a record far enough for its top-level values to be set.
func (r *Record) Clone() *Record {
	c := *r
	c.Inputs, c.Outputs, c.Extra = CopyMap(r.Inputs), CopyMap(r.Outputs), CopyMap(r.Extra)
	return &c
}

// Get returns a value as the program gave it or, where it gave none, as the cloud chose it.
func (r *Record) Get(property string) any {
	if v, ok := r.Inputs[property]; ok {
		return v
	}
	return r.Outputs[property]
}

func (r *Record) Text(property string) string { return Text(r.Get(property)) }

func (r *Record) Bool(property string) bool { return Bool(r.Get(property)) }

func (r *Record) Number(property string) int { return Number(r.Get(property)) }

func (r *Record) Texts(property string) []string { return Texts(r.Get(property)) }
