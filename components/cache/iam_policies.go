package cache

import (
	"fmt"

	"github.com/beachhead-build/beachhead/components/kit"
)

// serverScope is the set of resources to which the policy of one shard's server is limited.
type serverScope struct {
	region, account, stack, server string
	// volume and iface are the ARNs of the shard's volume and fixed interface.
	volume, iface string
	// bucket is the name of the bucket with the agent.
	bucket string
	// mapParameter is the ARN of the shard map's parameter, and movedParameter that of the shard's own.
	mapParameter, movedParameter string
}

// allowServerCalls returns the policy that allows the agent's calls on a shard's server, on that shard's resources only. The ids of
// instances and group are not known before the role exists, so their tags name them: the server's Name and the cache.
func allowServerCalls(s serverScope) (string, error) {
	attachVolume := []string{"ec2:AttachVolume", "ec2:DetachVolume"}
	attachInterface := []string{"ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface"}
	return kit.RolePolicy(append(kit.AllowMachineBasics(s.region, s.account, s.bucket),
		// The previous map is an older version of the parameter, read as NAME:VERSION. AWS does not document under which of the two names IAM
		// sees that call; no other parameter has a colon in its name.
		kit.Statement{
			Actions: []string{"ssm:GetParameter"}, Resources: []string{s.mapParameter, s.mapParameter + ":*", s.movedParameter},
		},
		kit.Statement{Actions: []string{"ssm:PutParameter"}, Resources: []string{s.movedParameter}},
		// A policy must allow both ends of an attachment: volume or interface here, the machine below.
		kit.Statement{Actions: attachVolume, Resources: []string{s.volume}},
		kit.Statement{Actions: attachInterface, Resources: []string{s.iface}},
		kit.Statement{
			Actions: append(append([]string{}, attachVolume...), attachInterface...), Resources: []string{kit.InstancesARN(s.region, s.account)},
			Conditions: kit.StringEquals(map[string]string{"aws:ResourceTag/Name": s.server, "aws:ResourceTag/" + CacheTag: s.stack}),
		},
		kit.AllowOwnGroup(s.region, s.account, map[string]string{"Name": s.server, CacheTag: s.stack}),
		// IAM has no resources for calls that list.
		kit.Statement{
			Actions: []string{"ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVolumes"}, Resources: []string{"*"},
		},
	)...)
}

// allowSnapshots returns the policy by which Data Lifecycle Manager creates, copies, tags and deletes snapshots of this cache's volumes.
// AWS's managed policy allows that for every volume and snapshot of the account. Snapshots and their copies have the volumes' tags; a
// snapshot that loses the tag is never deleted.
func allowSnapshots(region, account, stack string, copyTo []string) (string, error) {
	snapshots := []string{"arn:aws:ec2:" + region + "::snapshot/*"}
	for _, target := range copyTo {
		snapshots = append(snapshots, "arn:aws:ec2:"+target+"::snapshot/*")
	}
	ofCache := kit.StringEquals(map[string]string{"aws:ResourceTag/" + CacheTag: stack})
	volumes := fmt.Sprintf("arn:aws:ec2:%s:%s:volume/*", region, account)
	allow := []kit.Statement{
		{Actions: []string{"ec2:CreateSnapshot"}, Resources: []string{volumes}, Conditions: ofCache},
		// IAM checks the new snapshot before it has tags; a call of its own tags it.
		{Actions: []string{"ec2:CreateSnapshot"}, Resources: snapshots[:1]},
		{Actions: []string{"ec2:CreateTags"}, Resources: snapshots},
		{Actions: []string{"ec2:DeleteSnapshot"}, Resources: snapshots, Conditions: ofCache},
		// IAM has no resources for calls that list.
		{
			Actions: []string{
				"ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeVolumes",
			},
			Resources: []string{"*"},
		},
	}
	if len(copyTo) > 0 {
		allow = append(allow, kit.Statement{Actions: []string{"ec2:CopySnapshot"}, Resources: snapshots})
	}
	return kit.RolePolicy(allow...)
}
