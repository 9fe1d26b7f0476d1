package emulator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// Kind holds the rules of one resource type. What can be said in a table is said here; the functions do the rest.
type Kind struct {
	Type string
	// IDPrefix begins the ids that the cloud gives out; arn is a pattern of region, account and id.
	IDPrefix, ARN string
	// Global things belong to the account and not to a region.
	Global bool
	// Hidden kinds are made by the cloud itself and cannot be asked for yet.
	Hidden bool
	// Missing and inUse are the API's words for a reference to nothing and for a refused delete, patterns of the id.
	Missing, InUse string

	// AutoNameLength is the length that an automatic name may have; 0: the type gets none.
	AutoNameLength int
	// NameInput is the input that holds the name where that is not called name.
	NameInput string
	// Defaults are the values that Terraform's schema sets; the extracted tables do not hold them.
	Defaults map[string]any
	// Unsupported names inputs that the table has and for which there are no rules here.
	Unsupported []string
	// ExactlyOne lists inputs of which exactly one must be given, notBoth those of which at most one may.
	ExactlyOne, AtMostOne [][]string
	// Sets, ordered and createOnly: see catalog.Comparison.
	Sets, Ordered, CreateOnly []string
	// WriteOnly names inputs that no call to the cloud tells, so that an import does not either.
	WriteOnly []string
	// Volatile names outputs that any update may change: unknown in a preview of one.
	Volatile   []string
	References []Reference
	// Seconds is the model duration of a create where durations.yaml does not have it all; nil: as there.
	Seconds func(*Record) float64

	Check    func(resource.PropertyMap) []catalog.Failure // rules that need no cloud: they hold in previews too
	ImportID func(*Record) string                         // nil: the id
	Create   func(*Call) error                            // fills the record in
	Update   func(*Call) error                            // nil: nothing beyond storing the new inputs
	Delete   func(*Call) error                            // nil: nothing beyond what references say
	Retain   func(*Record) bool                           // a delete lets go of the thing and leaves it there
	Derive   func(*State, *Record) map[string]any         // outputs that follow from other records; they win

	// FailureSeconds is how long a create takes to fail; 0: as long as it takes to succeed.
	FailureSeconds float64
	// CreateWait returns how many model seconds a create waits for what the new record starts, beyond Seconds; nil: none. ModelSeconds adds it.
	CreateWait func(*State, *Record) float64
	// Implicit returns the record that a key names although nobody created it, or nil; nil: the kind has no such records.
	Implicit func(Key) *Record
}

// What becomes of a reference when its target is deleted, from weak to strong.
const (
	Dangle  = iota // stays and points to nothing, as a route to a deleted NAT gateway does
	Block          // the target cannot be deleted
	Cascade        // the referring thing goes with its target
	own            // likewise, and it was the target that made it
)

// Reference is a reference that records of a kind hold.
type Reference struct {
	// Path leads to ids in the inputs or outputs: subnetIds[], networkInterfaces[].securityGroups[].
	Path string
	// To lists the types that may be meant. byName allows a name in place of an id.
	To     []string
	ByName bool
	// Lenient leaves it to the kind's functions to refuse what leads nowhere: not all that may be meant has a record here.
	Lenient  bool
	OnDelete int // dangles, holds, fades or owns
}

var ownership = &Reference{OnDelete: own}

// IsCreateOnly reports whether an input can be given at creation only.
func (k *Kind) IsCreateOnly(p catalog.Property, name string) bool {
	return p.CreateOnly || slices.Contains(k.CreateOnly, name)
}

// NameProperty is the input that holds the name.
func (k *Kind) NameProperty() string {
	if k.NameInput != "" {
		return k.NameInput
	}
	return "name"
}

// Properties is the kind's entry in the property table.
func (k *Kind) Properties() *catalog.Resource {
	t, err := catalog.Load(packageOf(k.Type))
	if err != nil {
		return &catalog.Resource{}
	}
	if r, ok := t.Resources[k.Type]; ok {
		return r
	}
	return &catalog.Resource{}
}

// packageOf returns the provider of a type token: aws of aws:ec2/vpc:Vpc.
func packageOf(typ string) string {
	pkg, _, _ := strings.Cut(typ, ":")
	return pkg
}

// fillOutputs adds what every resource of the kind tells: its ARN, all its tags, and zero values for what is never absent.
func (k *Kind) fillOutputs(r *Record, tags map[string]string, out map[string]any) {
	spec := k.Properties()
	add := func(name string, v any) {
		if _, ok := out[name]; !ok && (slices.Contains(spec.AlwaysSet, name) || slices.Contains(spec.Computed, name)) {
			out[name] = v
		}
	}
	if k.ARN != "" {
		add("arn", fmt.Sprintf(k.ARN, r.Region, r.Account, r.ID))
	}
	add("ownerId", r.Account)
	all := map[string]any{}
	for name, v := range tags {
		all[name] = v
	}
	add("tagsAll", all)
	for _, name := range spec.AlwaysSet {
		add(name, zeroValue(spec.Inputs[name].Type))
	}
}

// zeroValue is the empty value of a table type; computed outputs have none there and are taken for strings.
func zeroValue(typ string) any {
	switch {
	case typ == "boolean":
		return false
	case typ == "integer" || typ == "number":
		return 0.0
	case strings.HasPrefix(typ, "["):
		return []any{}
	case strings.HasPrefix(typ, "{") || strings.HasPrefix(typ, "@"):
		return map[string]any{}
	}
	return ""
}

// ValuesAt follows a path through plain JSON and returns the non-empty strings at its end.
func ValuesAt(v any, path string) []string {
	step, rest, more := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(step, "[]")
	v = Object(v)[name]
	list := []any{v}
	if isList {
		list, _ = v.([]any)
	}
	var out []string
	for _, e := range list {
		if more {
			out = append(out, ValuesAt(e, rest)...)
		} else if s := Text(e); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// referencedIDs returns the values of a reference, from the inputs or else from what the cloud chose.
func (r *Record) referencedIDs(rule *Reference) []string {
	if ids := ValuesAt(r.Inputs, rule.Path); len(ids) > 0 {
		return ids
	}
	return ValuesAt(r.Outputs, rule.Path)
}

// resolveReferences finds the targets of all references of a record; those to nothing are left out.
func (s *State) resolveReferences(r *Record) []resolvedReference {
	var links []resolvedReference
	if k := s.KindOf(r.Type); k != nil {
		for i := range k.References {
			for _, id := range r.referencedIDs(&k.References[i]) {
				if target := s.FindTarget(r, &k.References[i], id); target != nil {
					links = append(links, resolvedReference{to: target.Key, rule: &k.References[i]})
				}
			}
		}
	}
	if r.Owner != nil {
		links = append(links, resolvedReference{to: *r.Owner, rule: ownership})
	}
	return links
}

// FindTarget returns the record that a reference of r with the value id names, or nil. The platform of the target's type decides what an
// id may look like.
func (s *State) FindTarget(r *Record, rule *Reference, id string) *Record {
	for _, typ := range rule.To {
		if t := s.registry.PlatformOf(typ).FindTarget(s, r, rule, typ, id); t != nil {
			return t
		}
	}
	return nil
}
