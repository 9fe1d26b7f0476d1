// Package inventory decides what a stack owns in the cloud. It works on what the clouds report and calls none itself; the packages below
// internal/clouds run the queries.
package inventory

import (
	"context"

	"github.com/beachhead-build/beachhead/internal/plan"
)

// NameTag is the tag that holds a resource's name in the program.
const NameTag = "Name"

// Resource is a resource in the cloud that a stack owns.
type Resource struct {
	// Type is the Pulumi type token.
	Type string
	// Name is the Name tag, which components set to the resource's name in the program. It is empty where the type takes no tags.
	Name string
	// ID is what the state holds for the resource, ImportID what an import takes. The two differ for routes and the like.
	ID, ImportID string
	// Inputs identify a resource without tags, by the names that the program has for them. The values are texts, or numbers of any type.
	// They may be absent for a resource with tags. A volume's size and availabilityZone show in a preview that the volume does not fit.
	Inputs map[string]any
}

// Key returns a text that identifies the resource among all resources.
func (r Resource) Key() string { return r.Type + "\x00" + r.ID }

// Finder finds what a stack owns in a cloud.
type Finder interface {
	// FindOwned returns everything with the stack's tag, and everything without tags that belongs to it. Resources that are deleted, or
	// that the cloud is deleting, are not among it.
	FindOwned(ctx context.Context, stack string) ([]Resource, error)
}

// FromTags returns a resource with tags, and whether the stack owns it.
func FromTags(stack, typ, id string, tags map[string]string) (Resource, bool) {
	return Resource{Type: typ, Name: tags[NameTag], ID: id, ImportID: id}, tags[plan.StackTag] == stack
}
