package cloud

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
