package cache

import (
	"fmt"

	"github.com/beachhead-build/beachhead/components/kit"
)

const rolePath = "/beachhead/"

// grants is what one shard's server is allowed things on.
type grants struct {
	region, account, stack, server string
	volume, iface, bucket          string
	// table is the map's parameter, and moved the one in which the server says what it has copied.
	table, moved string
}

// serverPolicy allows what the agent on a shard's server calls, on that shard's things only. Instances and group have ids that are not
// known before the role, so their tags name them: the server's Name and the cache.
func serverPolicy(g grants) (string, error) {
	attach := []string{"ec2:AttachVolume", "ec2:DetachVolume"}
	plug := []string{"ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface"}
	return kit.Policy(append(kit.Basics(g.region, g.account, g.bucket),
		// The table of before is an older version of the map, asked for as NAME:VERSION. AWS does not say under which of the two names IAM
		// sees that; no parameter has a colon in its own.
		kit.Statement{Action: []string{"ssm:GetParameter"}, Resource: []string{g.table, g.table + ":*", g.moved}},
		kit.Statement{Action: []string{"ssm:PutParameter"}, Resource: []string{g.moved}},
		// Both ends of an attachment must be allowed: the thing here, the machine below.
		kit.Statement{Action: attach, Resource: []string{g.volume}},
		kit.Statement{Action: plug, Resource: []string{g.iface}},
		kit.Statement{
			Action: append(append([]string{}, attach...), plug...), Resource: []string{kit.Instances(g.region, g.account)},
			Condition: kit.Only(map[string]string{"aws:ResourceTag/Name": g.server, "aws:ResourceTag/" + CacheTag: g.stack}),
		},
		kit.OwnHooks(g.region, g.account, map[string]string{"Name": g.server, CacheTag: g.stack}),
		// IAM knows no resources for calls that list.
		kit.Statement{
			Action: []string{"ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVolumes"}, Resource: []string{"*"},
		},
	)...)
}

// snapshotPolicy allows Data Lifecycle Manager to make, copy, tag and delete snapshots of this cache's volumes: its managed policy allows
// that for every volume and snapshot of the account. Snapshots and their copies carry the volumes' tags, so a snapshot that somebody
// takes the tag from is kept for good.
func snapshotPolicy(region, account, stack string, copyTo []string) (string, error) {
	snapshots := []string{"arn:aws:ec2:" + region + "::snapshot/*"}
	for _, target := range copyTo {
		snapshots = append(snapshots, "arn:aws:ec2:"+target+"::snapshot/*")
	}
	ours := kit.Only(map[string]string{"aws:ResourceTag/" + CacheTag: stack})
	volumes := fmt.Sprintf("arn:aws:ec2:%s:%s:volume/*", region, account)
	allow := []kit.Statement{
		{Action: []string{"ec2:CreateSnapshot"}, Resource: []string{volumes}, Condition: ours},
		// What is made has no tags yet when it is allowed, and is tagged by a call of its own.
		{Action: []string{"ec2:CreateSnapshot"}, Resource: snapshots[:1]},
		{Action: []string{"ec2:CreateTags"}, Resource: snapshots},
		{Action: []string{"ec2:DeleteSnapshot"}, Resource: snapshots, Condition: ours},
		// IAM knows no resources for calls that list.
		{
			Action: []string{
				"ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeVolumes",
			},
			Resource: []string{"*"},
		},
	}
	if len(copyTo) > 0 {
		allow = append(allow, kit.Statement{Action: []string{"ec2:CopySnapshot"}, Resource: snapshots})
	}
	return kit.Policy(allow...)
}
