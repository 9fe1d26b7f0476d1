package engine

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Changes is what an operation did or, for a preview, would do.
type Changes struct {
	// Steps are those that change something in the cloud, in the engine's order.
	Steps []Step `json:"steps"`
	// Unchanged is the number of resources that stay as they are.
	Unchanged int `json:"unchanged"`
	// Adopted are resources that already exist in the cloud: a killed run created them and could not record them, or a down kept them. The
	// engine adopts them before anything else. They are among Steps only if they change afterwards.
	Adopted []Step `json:"adopted,omitempty"`
	// Kept are resources that leave the stack and stay in the cloud, each with its id there. Their operation is "keep".
	Kept []Step `json:"kept,omitempty"`
}

// Count returns the number of steps with one of the operations.
func (c *Changes) Count(ops ...string) int {
	n := 0
	for _, s := range c.Steps {
		if slices.Contains(ops, s.Op) {
			n++
		}
	}
	return n
}

func summarizeSteps(steps []Step) *Changes {
	c := &Changes{Steps: []Step{}}
	for _, s := range steps {
		switch {
		case s.keepsResource():
			s.Op = "keep"
			c.Kept = append(c.Kept, s)
		case s.ChangesCloud():
			c.Steps = append(c.Steps, s)
		case s.Custom && s.Op == string(apitype.OpSame) && !strings.HasPrefix(s.Type, pulumiTypes):
			c.Unchanged++
		}
	}
	return c
}

// pulumiTypes is how the type tokens of Pulumi's own resources begin: stacks and providers, which do not exist in a cloud.
const pulumiTypes = "pulumi:"

// Step is what the engine does, or would do, to one resource.
type Step struct {
	URN  string `json:"urn"`
	Type string `json:"type"`
	Name string `json:"name"`
	// Op is create, update, replace, delete, same and so on.
	Op string `json:"op"`
	// ID is the cloud's name for the resource; empty before it exists.
	ID string `json:"id,omitempty"`
	// Diffs are the properties that differ, for update and replace.
	Diffs []string `json:"diffs,omitempty"`
	// Custom is false for components, which do not exist in a cloud.
	Custom    bool `json:"-"`
	Protected bool `json:"-"`
	// Retained means that the resource stays in the cloud when the stack releases it.
	Retained bool           `json:"-"`
	Inputs   map[string]any `json:"-"`
	// oldInputs are the inputs of the existing resource; nil before it exists.
	oldInputs map[string]any
	parent    string
	provider  string
}

var (
	// quietOps change nothing in the cloud.
	quietOps = []apitype.OpType{
		apitype.OpSame, apitype.OpRead, apitype.OpRefresh, apitype.OpReadDiscard, apitype.OpDiscardReplaced, apitype.OpRemovePendingReplace,
	}
	// removingOps remove an existing resource.
	removingOps = []apitype.OpType{apitype.OpDelete, apitype.OpDeleteReplaced, apitype.OpReplace, apitype.OpCreateReplacement}
	// deletingOps are those of the removingOps that the engine does not run on a retained resource.
	deletingOps = []apitype.OpType{apitype.OpDelete, apitype.OpDeleteReplaced}
	// replacingOps are parts of a replacement.
	replacingOps = []apitype.OpType{apitype.OpReplace, apitype.OpCreateReplacement, apitype.OpDeleteReplaced}
)

// ChangesCloud reports whether the step changes anything in the cloud. It is false for a deletion that keeps the resource there.
func (s Step) ChangesCloud() bool {
	return s.isInCloud() && !slices.Contains(quietOps, apitype.OpType(s.Op)) && !s.keepsResource()
}

// RemovesResource reports whether the step removes an existing resource, be it from the stack alone.
func (s Step) RemovesResource() bool {
	return s.isInCloud() && slices.Contains(removingOps, apitype.OpType(s.Op))
}

// keepsResource reports whether the step removes a resource from the stack that stays in the cloud. The engine reports it as any other
// deletion.
func (s Step) keepsResource() bool {
	return s.isInCloud() && s.Retained && slices.Contains(deletingOps, apitype.OpType(s.Op))
}

// isInCloud reports whether the step is about a resource in a cloud: components and providers are not.
func (s Step) isInCloud() bool { return s.Custom && !strings.HasPrefix(s.Type, pulumiTypes) }

// replaces reports whether the step is part of a replacement.
func (s Step) replaces() bool { return slices.Contains(replacingOps, apitype.OpType(s.Op)) }

// withoutResources returns the steps about other resources than those of excluded.
func withoutResources(steps, excluded []Step) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool {
		return slices.ContainsFunc(excluded, func(o Step) bool { return o.URN == s.URN })
	})
}
