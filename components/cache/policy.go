package cache

import (
	"encoding/json"
	"fmt"
)

const rolePath = "/beachhead/"

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"%s"}}]}`

// statement is one of a policy's. All of them allow.
type statement struct {
	Effect    string                       `json:"Effect"`
	Action    []string                     `json:"Action"`
	Resource  []string                     `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// document writes a policy that allows the given statements and nothing else.
func document(allow ...statement) (string, error) {
	for i := range allow {
		allow[i].Effect = "Allow"
	}
	text, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", allow})
	return string(text), err
}

func onlyWith(values map[string]string) map[string]map[string]string {
	return map[string]map[string]string{"StringEquals": values}
}

// grants is what one shard's server is allowed things on.
type grants struct {
	region, account, stack, server   string
	volume, iface, parameter, bucket string
}

// serverPolicy allows what the agent on a shard's server calls, on that shard's things only. Instances and group have ids that are not
// known before the role, so their tags name them: the server's Name and the cache.
func serverPolicy(g grants) (string, error) {
	instances := fmt.Sprintf("arn:aws:ec2:%s:%s:instance/*", g.region, g.account)
	group := fmt.Sprintf("arn:aws:autoscaling:%s:%s:autoScalingGroup:*:autoScalingGroupName/*", g.region, g.account)
	attach := []string{"ec2:AttachVolume", "ec2:DetachVolume"}
	plug := []string{"ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface"}
	return document(
		statement{Action: []string{"s3:GetObject"}, Resource: []string{"arn:aws:s3:::" + g.bucket + "/agent/*"}},
		statement{Action: []string{"ssm:GetParameter"}, Resource: []string{g.parameter}},
		// Both ends of an attachment must be allowed: the thing here, the machine below.
		statement{Action: attach, Resource: []string{g.volume}},
		statement{Action: plug, Resource: []string{g.iface}},
		statement{
			Action: append(append([]string{}, attach...), plug...), Resource: []string{instances},
			Condition: onlyWith(map[string]string{"aws:ResourceTag/Name": g.server, "aws:ResourceTag/" + CacheTag: g.stack}),
		},
		statement{
			Action: []string{"autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"}, Resource: []string{group},
			Condition: onlyWith(map[string]string{"autoscaling:ResourceTag/Name": g.server, "autoscaling:ResourceTag/" + CacheTag: g.stack}),
		},
		// IAM knows no resources for calls that list. DescribeInstances also tells the group's name, by the tag that Auto Scaling sets.
		statement{
			Action: []string{"ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVolumes"}, Resource: []string{"*"},
		},
		// Metrics have no names that IAM knows; the namespace is all that a policy can say.
		statement{
			Action: []string{"cloudwatch:PutMetricData"}, Resource: []string{"*"},
			Condition: onlyWith(map[string]string{"cloudwatch:namespace": Namespace}),
		},
		// What Session Manager needs and no more (Systems Manager user guide, "Minimum Session Manager permissions"). Its channels have no
		// names that IAM knows.
		statement{Action: []string{"ssm:UpdateInstanceInformation"}, Resource: []string{instances}},
		statement{
			Action: []string{
				"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
				"ssmmessages:OpenDataChannel",
			},
			Resource: []string{"*"},
		},
	)
}

// snapshotPolicy allows Data Lifecycle Manager to make, copy, tag and delete snapshots of this cache's volumes: its managed policy allows
// that for every volume and snapshot of the account. Snapshots and their copies carry the volumes' tags, so a snapshot that somebody
// takes the tag from is kept for good.
func snapshotPolicy(region, account, stack string, copyTo []string) (string, error) {
	snapshots := []string{"arn:aws:ec2:" + region + "::snapshot/*"}
	for _, target := range copyTo {
		snapshots = append(snapshots, "arn:aws:ec2:"+target+"::snapshot/*")
	}
	ours := onlyWith(map[string]string{"aws:ResourceTag/" + CacheTag: stack})
	volumes := fmt.Sprintf("arn:aws:ec2:%s:%s:volume/*", region, account)
	allow := []statement{
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
		allow = append(allow, statement{Action: []string{"ec2:CopySnapshot"}, Resource: snapshots})
	}
	return document(allow...)
}
