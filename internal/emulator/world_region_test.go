package emulator

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	rasset "github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

const (
	anything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	oneBoard = `{"widgets":[{"type":"metric","x":0,"y":0,"width":12,"height":6,"properties":{"region":"us-west-1"}}]}`
)

// fillRegion adds to a world what fleets, cache and alarms of a region are made of.
func (w *world) fillRegion() {
	w.d.t.Helper()
	w.fillStorage()
	w.fillNames()
	w.fillBucket()
	w.fillAlarms()
	group := w.things[AutoScalingGroupType]
	w.add(LifecycleHookType, props{"autoscalingGroupName": group.id, "name": "ready", "lifecycleTransition": LaunchTransition, "heartbeatTimeout": 600})
	w.add(ScalingPolicyType, props{"autoscalingGroupName": group.id, "policyType": "TargetTrackingScaling", "targetTrackingConfiguration": props{
		"targetValue": 0.7, "customizedMetricSpecification": props{"metricName": "BusyRatio", "namespace": "Beachhead", "statistic": "Average"}}})
	policy := w.add(PolicyType, props{"policy": anything})
	w.add(RolePolicyAttachmentType, props{"role": w.things[RoleType].id, "policyArn": policy.id})
}

func (w *world) fillStorage() {
	w.add(SubnetReservationType, props{"subnetId": w.things[SubnetType].id, "cidrBlock": "10.42.15.0/28", "reservationType": "explicit"})
	tags := props{"Name": "one"}
	key := w.add(KMSKeyType, props{"description": "cache", "deletionWindowInDays": 7})
	w.add(KMSAliasType, props{"name": "alias/cache", "targetKeyId": key.id})
	volume := w.add(VolumeType, props{"availabilityZone": "us-west-1a", "type": "gp3", "size": 100, "iops": 4000, "throughput": 500,
		"encrypted": true, "kmsKeyId": key.out("arn"), "tags": tags})
	w.add(VolumeAttachmentType, props{"volumeId": volume.id, "instanceId": w.d.machines()[0].ID, "deviceName": "/dev/sdf"})
	snapshot := w.add(SnapshotType, props{"volumeId": volume.id, "tags": tags})
	w.add(SnapshotCopyType, props{"sourceSnapshotId": snapshot.id, "sourceRegion": "us-west-1", "encrypted": true})
	w.add(LifecyclePolicyType, props{"description": "daily", "executionRoleArn": w.things[RoleType].out("arn"), "policyDetails": daily("us-east-2")})
}

// daily takes snapshots of everything called one, keeps two, and copies them to another region.
func daily(target string) props {
	schedule := props{"name": "daily", "createRule": props{"interval": 24, "intervalUnit": "HOURS", "times": "03:00"},
		"retainRule": props{"count": 2}, "copyTags": true}
	if target != "" {
		schedule["crossRegionCopyRules"] = []any{props{"target": target, "encrypted": true, "copyTags": true,
			"retainRule": props{"interval": 2, "intervalUnit": "DAYS"}}}
	}
	return props{"resourceTypes": []any{"VOLUME"}, "targetTags": props{"Name": "one"}, "schedules": []any{schedule}}
}

func (w *world) fillNames() {
	zone := w.add(Route53ZoneType, props{"name": "cache.internal", "vpcs": []any{props{"vpcId": w.things[VPCType].id}}})
	w.add(Route53RecordType, props{"zoneId": zone.id, "name": "shard-0", "type": "A", "ttl": 60, "records": []any{"10.42.0.10"}})
	w.add(ParameterType, props{"name": "/beachhead/map", "type": "String", "value": "{}"})
}

func (w *world) fillBucket() {
	bucket := w.add(BucketType, props{"tags": props{"Name": "one"}})
	w.add(BucketPublicAccessBlockType, props{"bucket": bucket.id, "blockPublicAcls": true, "blockPublicPolicy": true})
	w.add(BucketEncryptionType, props{"bucket": bucket.id, "rules": []any{props{"applyServerSideEncryptionByDefault": props{"sseAlgorithm": "AES256"}}}})
	w.add(BucketVersioningType, props{"bucket": bucket.id, "versioningConfiguration": props{"status": "Enabled"}})
	w.add(BucketPolicyType, props{"bucket": bucket.id, "policy": anything})
	w.add(BucketOwnershipType, props{"bucket": bucket.id, "rule": props{"objectOwnership": "BucketOwnerEnforced"}})
	w.add(BucketObjectType, props{"bucket": bucket.id, "key": "agent/arm64", "source": asset("elf")})
}

func (w *world) fillAlarms() {
	topic := w.add(TopicType, props{"displayName": "CI"})
	w.add(TopicPolicyType, props{"arn": topic.out("arn"), "policy": anything})
	w.add(TopicSubscriptionType, props{"topic": topic.id, "protocol": "email", "endpoint": "ci@example.com"})
	alarm := w.add(MetricAlarmType, props{"comparisonOperator": "LessThanThreshold", "evaluationPeriods": 3, "threshold": 1, "period": 60,
		"metricName": "TunnelState", "namespace": "AWS/VPN", "statistic": "Maximum", "alarmActions": []any{topic.id}})
	w.add(CompositeAlarmType, props{"alarmName": "both", "alarmRule": `ALARM("` + alarm.id + `")`, "okActions": []any{topic.id}})
	w.add(DashboardType, props{"dashboardName": "region", "dashboardBody": oneBoard})
	w.add(LogMetricFilterType, props{"logGroupName": w.things[LogGroupType].id, "pattern": "ERROR", "metricTransformation": props{
		"name": "errors", "namespace": "Beachhead", "value": "1"}})
}

// asset is a file's content, as the engine passes it.
func asset(text string) resource.PropertyValue {
	a, err := rasset.FromText(text)
	if err != nil {
		panic(err)
	}
	return resource.NewProperty(a)
}
