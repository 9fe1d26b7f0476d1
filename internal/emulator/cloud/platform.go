package cloud

// Platform is one public cloud: the kinds of its resources, and how its Pulumi provider presents them. The machinery knows a public
// cloud only by these values.
type Platform struct {
	// Package is the provider's package, aws of aws:ec2/vpc:Vpc.
	Package string

	// Settings are the provider's own properties. Those with true hold lists or objects; they arrive as JSON in strings.
	Settings map[string]bool
	// Required lists the settings that must be set. A new value of a Replacing setting means another provider, and replaces all its
	// resources.
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
