// Package kit holds what every machine of a region has alike, whatever it is for: the parts of launch templates and groups that make it
// safe and let it be found. It makes no resources; the components for runners, cache servers and NAT instances do.
package kit

import (
	"encoding/base64"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Trust is the policy by which EC2 gives a role to machines.
const Trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
	`"Principal":{"Service":"ec2.amazonaws.com"}}]}`

// Metadata lets in who has a token, version 2 of the service, and no container: one hop, so that CI jobs do not get at the machine's
// credentials. No tags in the metadata: with them, EC2 refuses to start a machine that has a tag with a slash or a space in its key, which
// region files may have.
func Metadata() ec2.LaunchTemplateMetadataOptionsArgs {
	return ec2.LaunchTemplateMetadataOptionsArgs{
		HttpEndpoint: pulumi.String("enabled"), HttpTokens: pulumi.String("required"), HttpPutResponseHopLimit: pulumi.Int(1),
	}
}

// Disk is the root disk: encrypted gp3 that goes with the machine. Its name is that of Debian's images.
func Disk(gib int) ec2.LaunchTemplateBlockDeviceMappingArray {
	return ec2.LaunchTemplateBlockDeviceMappingArray{ec2.LaunchTemplateBlockDeviceMappingArgs{
		DeviceName: pulumi.String("/dev/xvda"),
		Ebs: ec2.LaunchTemplateBlockDeviceMappingEbsArgs{
			Encrypted: pulumi.String("true"), VolumeType: pulumi.String("gp3"), VolumeSize: pulumi.Int(gib), DeleteOnTermination: pulumi.String("true"),
		},
	}}
}

// UserData encodes what a machine runs at its first boot. It comes out of the name of the bucket with the agent, which is known once the
// agent is in it: a machine that starts earlier finds nothing.
func UserData(bucket pulumi.StringInput, text string) pulumi.StringOutput {
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	return bucket.ToStringOutput().ApplyT(func(string) string { return encoded }).(pulumi.StringOutput)
}

// Tags are the tags of what a launch makes: a resource type as EC2 names it, such as instance, volume or network-interface. The provider's
// default tags do not reach those.
func Tags(resource string, tags map[string]string) ec2.LaunchTemplateTagSpecificationArgs {
	return ec2.LaunchTemplateTagSpecificationArgs{ResourceType: pulumi.String(resource), Tags: pulumi.ToStringMap(tags)}
}

// GroupTags are a scaling group's own, in a fixed order. They are not handed on to machines: the launch template tags those.
func GroupTags(all map[string]string) autoscaling.GroupTagArray {
	var tags autoscaling.GroupTagArray
	for _, key := range slices.Sorted(maps.Keys(all)) {
		tags = append(tags, autoscaling.GroupTagArgs{
			Key: pulumi.String(key), Value: pulumi.String(all[key]), PropagateAtLaunch: pulumi.Bool(false),
		})
	}
	return tags
}

// Named adds the Name tag, by which a resource that a killed run made is found again.
func Named(name string, tags map[string]string) map[string]string {
	all := map[string]string{"Name": name}
	maps.Copy(all, tags)
	return all
}

// Ready and Drain are the names of the hooks on a group, which the agent completes.
const (
	Ready = "ready"
	Drain = "drain"
)

// Hooks are a group's hooks, which are there from the start: as resources of their own they come when the first machine is already past
// them. A machine may be silent for so many seconds while it starts and while it drains. One that cannot say that it is ready is not: it
// goes, and another one tries. Undrained is what becomes of one that falls silent while it drains: ABANDON or CONTINUE; it goes either way,
// with CONTINUE after hooks of others have had their time.
func Hooks(readySeconds, drainSeconds int, undrained string) autoscaling.GroupInitialLifecycleHookArray {
	hook := func(name, transition, otherwise string, seconds int) autoscaling.GroupInitialLifecycleHookArgs {
		return autoscaling.GroupInitialLifecycleHookArgs{
			Name: pulumi.String(name), LifecycleTransition: pulumi.String("autoscaling:EC2_INSTANCE_" + transition),
			DefaultResult: pulumi.String(otherwise), HeartbeatTimeout: pulumi.Int(seconds),
		}
	}
	return autoscaling.GroupInitialLifecycleHookArray{
		hook(Ready, "LAUNCHING", "ABANDON", readySeconds), hook(Drain, "TERMINATING", undrained, drainSeconds),
	}
}

// HooksStay is the option of a group with Hooks that its hooks are those of its creation. AWS does not tell them with the group, so that one that
// a killed run made has none in the state, and any difference in them replaces the group, with every machine in it. Another number of seconds
// therefore reaches new groups alone.
func HooksStay() pulumi.ResourceOption {
	return pulumi.IgnoreChanges([]string{"initialLifecycleHooks"})
}
