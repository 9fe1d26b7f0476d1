package kit

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// GroupTags returns the tags of a scaling group itself, sorted by key. The group does not pass them on to machines: the launch template
// tags those.
func GroupTags(all map[string]string) autoscaling.GroupTagArray {
	var tags autoscaling.GroupTagArray
	for _, key := range slices.Sorted(maps.Keys(all)) {
		tags = append(tags, autoscaling.GroupTagArgs{
			Key: pulumi.String(key), Value: pulumi.String(all[key]), PropagateAtLaunch: pulumi.Bool(false),
		})
	}
	return tags
}
