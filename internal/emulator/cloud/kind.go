package cloud

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// Kind holds the rules of one resource type. The fields hold the rules that fit in a table; the functions hold the others.
type Kind struct {
	Type string
	// IDPrefix starts the ids of the type. ARN is a pattern of region, account and id.
	IDPrefix, ARN string
	// Global resources belong to the account and not to a region.
	Global bool
	// Hidden kinds cannot be requested by a program: the cloud creates them.
	Hidden bool
	// Missing and InUse are the API's words for a reference to an absent resource and for a refused delete: patterns of the id.
	Missing, InUse string

	// AutoNameLength is the maximum length of an automatic name; 0 means that the type has no automatic names.
	AutoNameLength int
	// NameInput is the input that holds the name, when it is not "name".
	NameInput string
	// Defaults are the values that Terraform's schema sets; the extracted tables do not hold them.
	Defaults map[string]any
	// Unsupported lists inputs that the property table has and the emulator has no rules for.
	Unsupported []string
	// ExactlyOne lists groups of inputs of which exactly one must be set, AtMostOne groups of which at most one may be set.
	ExactlyOne, AtMostOne [][]string
	// Sets, Ordered and CreateOnly: see catalog.Comparison.
	Sets, Ordered, CreateOnly []string
	// WriteOnly lists inputs that no call to the cloud returns. An import does not return them either.
	WriteOnly []string
	// Volatile lists outputs that any update may change. They are unknown in a preview of an update.
	Volatile   []string
	References []Reference
	// Seconds returns the model duration of a create when durations.yaml cannot state it; nil means as durations.yaml states it.
	Seconds func(*Record) float64

	Check    func(resource.PropertyMap) []catalog.Failure // rules that need no cloud: they hold in previews too
	ImportID func(*Record) string                         // nil: the id
	Create   func(*Call) error                            // fills the record in
	Update   func(*Call) error                            // nil: nothing beyond storing the new inputs
	Delete   func(*Call) error                            // nil: nothing beyond what references say
	Retain   func(*Record) bool                           // a delete lets go of the thing and leaves it there
	Derive   func(*State, *Record) map[string]any         // outputs that follow from other records; they win

	// FailureSeconds is the model duration of a create that fails; 0 means the same as of one that succeeds.
	FailureSeconds float64
	// CreateWait returns how many model seconds a create waits beyond Seconds, such as for the machines of a group; nil means none.
	// ModelSeconds adds it.
	CreateWait func(*State, *Record) float64
	// Implicit returns the record of a key that exists although no program created it, or nil. A kind without such records has no
	// function.
	Implicit func(Key) *Record
}

// IsCreateOnly reports whether an input can be set at creation only.
func (k *Kind) IsCreateOnly(p catalog.Property, name string) bool {
	return p.CreateOnly || slices.Contains(k.CreateOnly, name)
}

// NameProperty returns the input that holds the name.
func (k *Kind) NameProperty() string {
	if k.NameInput != "" {
		return k.NameInput
	}
	return "name"
}

// Properties returns the kind's entry in the property table.
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

// fillOutputs adds the outputs that every resource of the kind has: its ARN, all its tags, and zero values for outputs that are never
// absent.
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

// zeroValue returns the empty value of a type of the table. The table has no types for computed outputs; they count as strings.
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
