// Package restype is the table of the resource types that Beachhead creates: one row for each type, with everything that the rest of the
// program must know about it.
package restype

import (
	"maps"
	"slices"
	"strings"
)

//go:generate go run ./gendoc

// Type is the row of one resource type.
type Type struct {
	// Token is Pulumi's type token.
	Token string
	// IDPrefix is the first part of the ids that EC2 assigns, such as "vpc" of vpc-0a1b2c. It is empty where the id does not show the type:
	// other services, security group rules (ingress and egress rules share a prefix) and volumes (most are the root disks of machines).
	IDPrefix string
	// Tagged reports whether a resource is recognised by its tags: the stack's tag says whose it is, the Name tag which resource of the
	// program it is.
	Tagged bool
	// Identity are the inputs by which a resource without tags is recognised.
	Identity []string
	// LinkName is what follows the stack's name in the name that the link's component assigns on GCP, where nothing has tags.
	LinkName string
	// Permissions are the IAM permissions that the search for resources of this type needs, such as "ec2:DescribeVolumes".
	Permissions []string
	// NotSearched is the reason why no search looks for the type. A type has either this or Permissions.
	NotSearched string
	// ReplaceAdvice is the next step where a change would replace a resource that no change may replace. Empty: it may be replaced.
	ReplaceAdvice string
	// DeleteAdvice is the next step where a change would delete a protected resource. Empty: the program protects none of this type.
	DeleteAdvice string
	// GrowsOnly is the input that may only grow, and GrowAdvice the next step where a change would make it smaller. A cloud refuses that
	// too, but only in the middle of an up.
	GrowsOnly, GrowAdvice string
	// PlacedBy is the input that fixes where a resource is when it is created. A resource that is adopted from another place would have
	// to be replaced at once.
	PlacedBy string
}

// IsPermanent reports whether no change may replace a resource of the type.
func (t Type) IsPermanent() bool { return t.ReplaceAdvice != "" }

var byToken = func() map[string]Type {
	rows := map[string]Type{}
	for _, row := range table {
		rows[row.Token] = row
	}
	return rows
}()

// Lookup returns the row of a type token. For a type that Beachhead does not create it returns the zero Type.
func Lookup(token string) Type { return byToken[token] }

// All returns all rows, sorted by token.
func All() []Type {
	return slices.SortedFunc(maps.Values(byToken), func(a, b Type) int { return strings.Compare(a.Token, b.Token) })
}

// FromID returns the type token of a resource of EC2, by its id. It returns false where the id does not show the type.
func FromID(id string) (string, bool) {
	prefix, _, _ := strings.Cut(id, "-")
	for _, row := range table {
		if prefix != "" && row.IDPrefix == prefix {
			return row.Token, true
		}
	}
	return "", false
}

// SearchPermissions returns every permission that the search for what a stack owns needs, sorted and each once.
func SearchPermissions() []string {
	var all []string
	for _, row := range table {
		all = append(all, row.Permissions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
