package kit

import (
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// NameTag returns the Name tag of a resource. It is more than a label: Beachhead finds a resource by it when a killed run created the
// resource and could not record it in the state.
func NameTag(name string) pulumi.StringMap { return pulumi.StringMap{"Name": pulumi.String(name)} }

// AddNameTag returns a copy of the tags with the Name tag added. A Name among the tags wins.
func AddNameTag(name string, tags map[string]string) map[string]string {
	all := map[string]string{"Name": name}
	maps.Copy(all, tags)
	return all
}
