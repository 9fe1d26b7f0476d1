package cloud

import (
	"maps"
	"slices"
)

// Registry holds the rules of all clouds that one emulated cloud serves. It does not change once the cloud is open.
type Registry struct {
	platforms []*Platform
	kinds     map[string]*Kind
	derived   map[string]func(*State, *Record) map[string]any
}

// NewRegistry returns the rules of some platforms together.
func NewRegistry(platforms ...*Platform) *Registry {
	reg := &Registry{platforms: platforms, kinds: map[string]*Kind{}, derived: map[string]func(*State, *Record) map[string]any{}}
	for _, p := range platforms {
		for _, k := range p.Kinds {
			reg.kinds[k.Type] = k
		}
	}
	return reg
}

// DeriveOutputs adds outputs to a type that follow from records of several platforms. Call it before Open.
func (reg *Registry) DeriveOutputs(typ string, f func(*State, *Record) map[string]any) {
	reg.derived[typ] = f
}

// Platforms lists the clouds in the order of their registration.
func (reg *Registry) Platforms() []*Platform { return reg.platforms }

// Kinds lists all kinds by type.
func (reg *Registry) Kinds() []*Kind {
	list := make([]*Kind, 0, len(reg.kinds))
	for _, typ := range slices.Sorted(maps.Keys(reg.kinds)) {
		list = append(list, reg.kinds[typ])
	}
	return list
}

// KindOf returns the rules of a type, or nil.
func (reg *Registry) KindOf(typ string) *Kind { return reg.kinds[typ] }

// PlatformOf returns the cloud of a type.
func (reg *Registry) PlatformOf(typ string) *Platform {
	for _, p := range reg.platforms {
		if p.Package == packageOf(typ) {
			return p
		}
	}
	panic("no platform has the type " + typ) // types come from the platforms' own kinds
}

// keyIn returns the key of a record of a type in an account and region.
func (reg *Registry) keyIn(in Scope, typ, id string) Key {
	k := reg.KindOf(typ)
	key := Key{Type: typ, Account: in.Account, Region: in.Region, ID: id}
	if own := reg.PlatformOf(typ).Key; own != nil {
		key = own(in, k, id)
	}
	if k.Global {
		key.Region = ""
	}
	return key
}
