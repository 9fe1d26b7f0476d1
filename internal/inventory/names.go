package inventory

import (
	"strings"

	"github.com/beachhead-build/beachhead/internal/restype"
)

// OwnPath is the path of roles, instance profiles and log groups. IAM and CloudWatch Logs cannot list by tag, so the place is fixed:
// components create roles and profiles under this path, and the plan puts log groups under it with the stack's name.
const OwnPath = "/beachhead/"

// LogGroupPrefix returns how the names of a stack's log groups begin.
func LogGroupPrefix(stack string) string { return OwnPath + stack + "/" }

// BucketPrefix returns how the names of a stack's buckets begin. The plan assigns them.
func BucketPrefix(stack string) string { return "beachhead-" + stack + "-" }

// DashboardName returns the name of a stack's dashboard.
func DashboardName(stack string) string { return "beachhead-" + stack }

// RuleDescription returns the description of a stack's rule in a Cloud Armor policy that the stack does not own. Rules have no names.
func RuleDescription(stack string) string { return "Beachhead: runners of " + stack }

// LinkPrefix returns how the names of the link's resources on GCP begin.
func LinkPrefix(stack string) string { return "beachhead-" + stack + "-" }

// IsLinkName reports whether a resource of the given Pulumi type belongs to the stack's link, by its name on GCP. The name must begin with
// the stack's name and the type's own word: otherwise the stack "us" would own beachhead-us-west-1-tunnel-0. A name that is too long for
// GCP loses its end only, and the name of a stack is too short for that to reach the type's word.
func IsLinkName(typ, stack, name string) bool {
	word := restype.Lookup(typ).LinkName
	rest, hasPrefix := strings.CutPrefix(name, LinkPrefix(stack))
	return word != "" && hasPrefix && (rest == word || strings.HasPrefix(rest, word+"-"))
}
