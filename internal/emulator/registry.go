package emulator

import (
	"maps"
	"slices"
)

// Platform is one public cloud: the kinds of its resources, and how its Pulumi provider presents it. The machinery knows a cloud only by
// the values in here.
type Platform struct {
	// Package is the provider's package, aws of aws:ec2/vpc:Vpc.
	Package string

	// Settings are the provider's own properties. Those with true hold lists or objects; they arrive as JSON in strings.
	Settings map[string]bool
	// Required lists the settings that must be set. Another value of a Replacing setting means another provider, and all its resources with it.
	Required, Replacing []string
	// Locate returns where a configured provider works, or refuses the configuration.
	Locate func(c *Cloud, settings map[string]any) (Scope, error)
	// DefaultTags returns the tags that the configuration adds to those of every resource.
	DefaultTags func(settings map[string]any) map[string]any

	// Kinds are the resource types with rules, Lookups the functions with rules, by token.
	Kinds   []*Kind
	Lookups map[string]*Lookup
	// Quotas are the documented defaults, by code.
	Quotas map[string]int

	// Key returns the key that an id means in an account and region; nil: the id names the record, as it is.
	Key func(in Scope, k *Kind, id string) Key
	// FindTarget returns the record of a type that a reference of r with the value id names, or nil.
	FindTarget func(s *State, r *Record, rule *Reference, typ, id string) *Record
	// Network returns the network that a record itself names, or an empty string; nil: records of the platform belong to no network.
	Network func(r *Record) string
	// MixedNetworks refuses a reference into another network: a pattern of the property, the id, its network and the record's network.
	MixedNetworks string
	// Tags returns the tags of a record, and Name the name under which an operator knows it.
	Tags func(r *Record) map[string]string
	Name func(r *Record, tags map[string]string) string
}

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

// DeriveOutputs adds outputs to those of a type that follow from records of several platforms. Call it before the registry opens a cloud.
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
