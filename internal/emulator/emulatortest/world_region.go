package emulatortest

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	rasset "github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
)

// JSON texts that the cloud accepts: an IAM policy and a dashboard's body.
const (
	AnyPolicy     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	DashboardBody = `{"widgets":[{"type":"metric","x":0,"y":0,"width":12,"height":6,"properties":{"region":"us-west-1"}}]}`
)

// fillRegion adds the resources of a region's fleets, cache and alarms.
func (w *World) fillRegion() {
	w.Driver.T.Helper()
	w.fillStorage()
	w.fillNames()
	w.fillBucket()
	w.fillAlarms()
	group := w.Handles[aws.AutoScalingGroupType]
	w.Add(aws.LifecycleHookType, Props{"autoscalingGroupName": group.ID, "name": "ready", "lifecycleTransition": aws.LaunchTransition,
		"heartbeatTimeout": 600})
	w.Add(aws.ScalingPolicyType, Props{"autoscalingGroupName": group.ID, "policyType": "TargetTrackingScaling",
		"targetTrackingConfiguration": Props{
			"targetValue": 0.7, "customizedMetricSpecification": Props{"metricName": "BusyRatio", "namespace": "Beachhead",
				"statistic": "Average"}}})
	policy := w.Add(aws.PolicyType, Props{"policy": AnyPolicy})
	w.Add(aws.RolePolicyAttachmentType, Props{"role": w.Handles[aws.RoleType].ID, "policyArn": policy.ID})
}

func (w *World) fillStorage() {
	w.Add(aws.SubnetReservationType, Props{"subnetId": w.Handles[aws.SubnetType].ID, "cidrBlock": "10.42.15.0/28",
		"reservationType": "explicit"})
	tags := Props{"Name": "one"}
	key := w.Add(aws.KMSKeyType, Props{"description": "cache", "deletionWindowInDays": 7})
	w.Add(aws.KMSAliasType, Props{"name": "alias/cache", "targetKeyId": key.ID})
	volume := w.Add(aws.VolumeType, Props{"availabilityZone": "us-west-1a", "type": "gp3", "size": 100, "iops": 4000, "throughput": 500,
		"encrypted": true, "kmsKeyId": key.Output("arn"), "tags": tags})
	w.Add(aws.VolumeAttachmentType, Props{"volumeId": volume.ID, "instanceId": w.Driver.Machines()[0].ID, "deviceName": "/dev/sdf"})
	snapshot := w.Add(aws.SnapshotType, Props{"volumeId": volume.ID, "tags": tags})
	w.Add(aws.SnapshotCopyType, Props{"sourceSnapshotId": snapshot.ID, "sourceRegion": "us-west-1", "encrypted": true})
	w.Add(aws.LifecyclePolicyType, Props{"description": "daily", "executionRoleArn": w.Handles[aws.RoleType].Output("arn"),
		"policyDetails": DailySnapshots("us-east-2")})
}

// DailySnapshots returns a policy that snapshots all volumes with the name one, retains two snapshots, and copies them to another region.
func DailySnapshots(target string) Props {
	schedule := Props{"name": "daily", "createRule": Props{"interval": 24, "intervalUnit": "HOURS", "times": "03:00"},
		"retainRule": Props{"count": 2}, "copyTags": true}
	if target != "" {
		schedule["crossRegionCopyRules"] = []any{Props{"target": target, "encrypted": true, "copyTags": true,
			"retainRule": Props{"interval": 2, "intervalUnit": "DAYS"}}}
	}
	return Props{"resourceTypes": []any{"VOLUME"}, "targetTags": Props{"Name": "one"}, "schedules": []any{schedule}}
}

func (w *World) fillNames() {
	zone := w.Add(aws.Route53ZoneType, Props{"name": "cache.internal", "vpcs": []any{Props{"vpcId": w.Handles[aws.VPCType].ID}}})
	w.Add(aws.Route53RecordType, Props{"zoneId": zone.ID, "name": "shard-0", "type": "A", "ttl": 60, "records": []any{"10.42.0.10"}})
	w.Add(aws.ParameterType, Props{"name": "/beachhead/map", "type": "String", "value": "{}"})
}

func (w *World) fillBucket() {
	bucket := w.Add(aws.BucketType, Props{"tags": Props{"Name": "one"}})
	w.Add(aws.BucketPublicAccessBlockType, Props{"bucket": bucket.ID, "blockPublicAcls": true, "blockPublicPolicy": true})
	w.Add(aws.BucketEncryptionType, Props{"bucket": bucket.ID,
		"rules": []any{Props{"applyServerSideEncryptionByDefault": Props{"sseAlgorithm": "AES256"}}}})
	w.Add(aws.BucketVersioningType, Props{"bucket": bucket.ID, "versioningConfiguration": Props{"status": "Enabled"}})
	w.Add(aws.BucketPolicyType, Props{"bucket": bucket.ID, "policy": AnyPolicy})
	w.Add(aws.BucketOwnershipType, Props{"bucket": bucket.ID, "rule": Props{"objectOwnership": "BucketOwnerEnforced"}})
	w.Add(aws.BucketObjectType, Props{"bucket": bucket.ID, "key": "agent/arm64", "source": TextAsset("elf")})
}

func (w *World) fillAlarms() {
	topic := w.Add(aws.TopicType, Props{"displayName": "CI"})
	w.Add(aws.TopicPolicyType, Props{"arn": topic.Output("arn"), "policy": AnyPolicy})
	w.Add(aws.TopicSubscriptionType, Props{"topic": topic.ID, "protocol": "email", "endpoint": "ci@example.com"})
	alarm := w.Add(aws.MetricAlarmType, Props{"comparisonOperator": "LessThanThreshold", "evaluationPeriods": 3, "threshold": 1, "period": 60,
		"metricName": "TunnelState", "namespace": "AWS/VPN", "statistic": "Maximum", "alarmActions": []any{topic.ID}})
	w.Add(aws.CompositeAlarmType, Props{"alarmName": "both", "alarmRule": `ALARM("` + alarm.ID + `")`, "okActions": []any{topic.ID}})
	w.Add(aws.DashboardType, Props{"dashboardName": "region", "dashboardBody": DashboardBody})
	w.Add(aws.LogMetricFilterType, Props{"logGroupName": w.Handles[aws.LogGroupType].ID, "pattern": "ERROR", "metricTransformation": Props{
		"name": "errors", "namespace": "Beachhead", "value": "1"}})
}

// TextAsset returns a file's content as the engine passes it.
func TextAsset(text string) resource.PropertyValue {
	a, err := rasset.FromText(text)
	if err != nil {
		panic(err)
	}
	return resource.NewProperty(a)
}

// GP3 returns the inputs of a gp3 volume of 100 GiB in us-west-1a, changed by more. A nil value in more removes the input.
func GP3(more Props) Props {
	p := Props{"availabilityZone": "us-west-1a", "type": "gp3", "size": 100}
	for name, v := range more {
		if p[name] = v; v == nil {
			delete(p, name)
		}
	}
	return p
}
