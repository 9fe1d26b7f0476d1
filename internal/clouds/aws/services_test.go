package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/middleware"

	"github.com/beachhead-build/beachhead/internal/clouds"
	"github.com/beachhead-build/beachhead/internal/restype"
)

func state(list, element, id, stack, name, state string) thing {
	return thing{list: list, id: id, tags: of(stack, name), body: fmt.Sprintf("<%[1]s>%[2]s</%[1]s><state>%[3]s</state>", element, id,
		state)}
}

func volume(id, stack, name, status string) thing {
	tags := of(stack, name)
	tags["beachhead:cache"] = stack
	return thing{list: "DescribeVolumes", id: id, tags: tags, has: map[string]string{"tag-key": "beachhead:cache", "status": status},
		body: fmt.Sprintf("<volumeId>%s</volumeId><size>2048</size><availabilityZone>us-west-1a</availabilityZone>", id)}
}

// nic is an interface that is attached; one that a launch made goes with its machine.
func nic(id, stack, name, goes string) thing {
	return thing{list: "DescribeNetworkInterfaces", id: id, tags: of(stack, name),
		has:  map[string]string{"attachment.delete-on-termination": goes},
		body: fmt.Sprintf("<networkInterfaceId>%s</networkInterfaceId>", id)}
}

func reservation(id, subnet, cidr string) thing {
	return thing{list: "GetSubnetCidrReservations", has: map[string]string{"subnet": subnet}, body: fmt.Sprintf(
		"<subnetCidrReservationId>%s</subnetCidrReservationId><subnetId>%s</subnetId><cidr>%s</cidr>", id, subnet, cidr)}
}

const (
	ofRecords = `<ResourceRecordSet><Name>cache.internal.</Name><Type>NS</Type></ResourceRecordSet>
		<ResourceRecordSet><Name>cache.internal.</Name><Type>SOA</Type></ResourceRecordSet>
		<ResourceRecordSet><Name>shard-00.cache.internal.</Name><Type>A</Type></ResourceRecordSet>
		<ResourceRecordSet><Name>\052.cache.internal.</Name><Type>CNAME</Type></ResourceRecordSet>`
	ofAccount = "<OwningAccount>210987654321</OwningAccount>"
	ofService = "<OwningService>vpce.amazonaws.com</OwningService>"
)

// machines is one of everything that fleets, cache, link and alarms of a region consist of, and by each what is not the region's.
func machines(stack string) []thing {
	id := func(prefix string) string { return prefix + "-" + strings.ReplaceAll(stack, "-", "") }
	topic := "arn:aws:sns:us-west-1:210987654321:" + id("watch")
	return []thing{
		state("DescribeVpnGateways", "vpnGatewayId", id("vgw"), stack, "link-gateway-aws", "available"),
		state("DescribeVpnConnections", "vpnConnectionId", id("vpn"), stack, "link-connection-0", "pending"),
		state("DescribeCustomerGateways", "customerGatewayId", id("cgw"), stack, "link-customer-0", "available"),
		volume(id("vol"), stack, "cache-shard-00", "in-use"),
		{list: "DescribeVolumes", id: id("vol-root"), tags: of(stack, "cache-shard-00-server"), has: map[string]string{"status": "in-use"}},
		nic(id("eni"), stack, "cache-shard-00", "false"), nic(id("eni-launched"), stack, "cache-shard-00-server", "true"),
		{list: "DescribeSubnets", id: id("subnet"), tags: of(stack, "net-cache-a"), body: "<subnetId>" + id("subnet") + "</subnetId>"},
		reservation(id("scr"), id("subnet"), "10.42.224.0/26"), reservation(id("scr-more"), id("subnet"), "10.42.224.64/26"),
		{list: "DescribeVpcs", id: id("vpc"), tags: of(stack, "net-vpc"), body: "<vpcId>" + id("vpc") + "</vpcId>"},
		{list: "ListHostedZonesByVPC", id: id("Z"), tags: of(stack, "cache-zone"), body: ofRecords,
			has: map[string]string{"vpc": id("vpc"), "owner": ofAccount}},
		{list: "ListHostedZonesByVPC", id: id("Z-shared"), has: map[string]string{"vpc": id("vpc"), "owner": ofAccount}, body: ofRecords},
		{list: "ListHostedZonesByVPC", id: id("Z-endpoint"), has: map[string]string{"vpc": id("vpc"), "owner": ofService}},
		{list: "DescribeAutoScalingGroups", id: id("fleet-a"), tags: of(stack, "fleet-a")},
		{list: "DescribePolicies", id: id("fleet-a-policy"), has: map[string]string{"group": id("fleet-a")}},
		{list: "DescribePolicies", id: id("other"), has: map[string]string{"group": "other"}},
		{list: "ListInstanceProfiles", id: id("fleet-a"), tags: of(stack, "fleet-a"), has: map[string]string{"path": "/beachhead/"}},
		{list: "ListInstanceProfiles", id: id("other"), tags: of(stack, "other"), has: map[string]string{"path": "/"}},
		{list: "ListTopics", id: topic, tags: of(stack, "watch")}, {list: "ListTopics", id: topic + "-other"},
		{list: "DescribeAlarms", id: id("watch-busy"), tags: of(stack, "watch-busy"), has: map[string]string{"action": topic}},
		{list: "DescribeAlarms", id: id("theirs"), has: map[string]string{"action": topic}},
		{list: "ListDashboards", id: "beachhead-" + stack},
		{list: "ListKeys", id: id("key"), tags: of(stack, "watch")}, {list: "ListKeys", id: id("key-other")},
		{list: "ListKeys", id: id("key-closed"), has: map[string]string{"closed": "yes"}},
		{list: "DescribeParameters", id: "/beachhead/" + stack + "/map", tags: of(stack, "cache-map")},
		{list: "ListBuckets", id: "beachhead-" + stack + "-210987654321", tags: of(stack, "artifacts"),
			has: map[string]string{"region": "us-west-1"}},
		{list: "ListBuckets", id: "beachhead-" + stack + "-untagged", has: map[string]string{"region": "us-west-1"}},
		{list: "ListBuckets", id: "beachhead-" + stack + "-elsewhere", tags: of(stack, "artifacts"),
			has: map[string]string{"region": "us-east-2"}},
		{list: "GetLifecyclePolicies", id: id("policy"), tags: of(stack, "cache-snapshots")},
	}
}

var wholeMachines = []string{
	"aws:autoscaling/group:Group fleet-a-us fleet-a",
	"aws:autoscaling/policy:Policy fleet-a-policy-us  as fleet-a-us/fleet-a-policy-us autoscalingGroupName=fleet-a-us",
	"aws:cloudwatch/dashboard:Dashboard beachhead-us  dashboardName=beachhead-us",
	"aws:cloudwatch/metricAlarm:MetricAlarm watch-busy-us watch-busy",
	"aws:dlm/lifecyclePolicy:LifecyclePolicy policy-us cache-snapshots",
	"aws:ebs/volume:Volume vol-us cache-shard-00 availabilityZone=us-west-1a size=2048",
	"aws:ec2/customerGateway:CustomerGateway cgw-us link-customer-0",
	"aws:ec2/networkInterface:NetworkInterface eni-us cache-shard-00",
	"aws:ec2/subnet:Subnet subnet-us net-cache-a",
	"aws:ec2/subnetCidrReservation:SubnetCidrReservation scr-more-us  as subnet-us:scr-more-us cidrBlock=10.42.224.64/26 subnetId=subnet-us",
	"aws:ec2/subnetCidrReservation:SubnetCidrReservation scr-us  as subnet-us:scr-us cidrBlock=10.42.224.0/26 subnetId=subnet-us",
	"aws:ec2/vpc:Vpc vpc-us net-vpc",
	"aws:ec2/vpnConnection:VpnConnection vpn-us link-connection-0",
	"aws:ec2/vpnGateway:VpnGateway vgw-us link-gateway-aws",
	"aws:iam/instanceProfile:InstanceProfile fleet-a-us fleet-a",
	"aws:kms/key:Key key-us watch",
	"aws:route53/record:Record Z-us_*.cache.internal_CNAME  name=*.cache.internal type=CNAME zoneId=Z-us",
	"aws:route53/record:Record Z-us_shard-00.cache.internal_A  name=shard-00.cache.internal type=A zoneId=Z-us",
	"aws:route53/zone:Zone Z-us cache-zone",
	"aws:s3/bucketV2:BucketV2 beachhead-us-210987654321 artifacts",
	"aws:sns/topic:Topic arn:aws:sns:us-west-1:210987654321:watch-us watch",
	"aws:ssm/parameter:Parameter /beachhead/us/map cache-map",
}

// One stack's name is the beginning of the other's, and pages are as short as they can be.
func TestOwnedIsAllOfTheMachinesOfARegionAndNothingOfAnother(t *testing.T) {
	for _, page := range []int{0, 1} {
		account := &fakeAccount{page: page, things: slices.Concat(machines("us-west-1"), machines("us"))}
		if got := owned(t, account, "us"); !reflect.DeepEqual(got, wholeMachines) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wholeMachines, "\n"))
		}
	}
}

func TestOwnedLeavesOutMachinesThatAreGone(t *testing.T) {
	vanished := func(list, id string) thing {
		return thing{list: list, id: id, tags: of("us", "gone"), has: map[string]string{
			"vanished": "yes", "path": "/beachhead/", "region": "us-west-1", "vpc": "vpc-1", "owner": ofAccount, "action": "arn:topic",
		}}
	}
	account := &fakeAccount{things: []thing{
		state("DescribeVpnGateways", "vpnGatewayId", "vgw-1", "us", "link-gateway-aws", "deleted"),
		state("DescribeVpnConnections", "vpnConnectionId", "vpn-1", "us", "link-connection-0", "deleting"),
		state("DescribeCustomerGateways", "customerGatewayId", "cgw-1", "us", "link-customer-0", "deleted"),
		volume("vol-1", "us", "cache-shard-00", "deleting"), volume("vol-2", "us", "cache-shard-01", "error"),
		{list: "ListKeys", id: "key", tags: of("us", "watch"), has: map[string]string{"deleted": "yes"}},
		{list: "DescribeVpcs", id: "vpc-1", tags: of("us", "net-vpc"), body: "<vpcId>vpc-1</vpcId>"},
		{list: "ListTopics", id: "arn:topic", tags: of("us", "watch")},
		vanished("ListInstanceProfiles", "one"), vanished("ListTopics", "arn:gone"), vanished("ListKeys", "gone"),
		vanished("DescribeParameters", "/gone"), vanished("ListBuckets", "beachhead-us-gone"), vanished("ListHostedZonesByVPC", "Z"),
		vanished("DescribeAlarms", "gone"),
	}}
	want := []string{"aws:ec2/vpc:Vpc vpc-1 net-vpc", "aws:sns/topic:Topic arn:topic watch"}
	if got := owned(t, account, "us"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each call is refused in turn, in its service's own words.
func TestOwnedNamesThePermissionOfEveryCall(t *testing.T) {
	codes := map[string]string{"ListTopics": "AuthorizationError"}
	for _, call := range []string{
		"DescribeVpnGateways", "DescribeVpnConnections", "DescribeCustomerGateways", "DescribeNetworkInterfaces", "DescribeVolumes",
		"DescribeSubnets", "GetSubnetCidrReservations", "DescribeVpcs",
	} {
		codes[call] = "UnauthorizedOperation"
	}
	permissions := map[string]string{
		"ListTopics": "sns:ListTopics", "ListInstanceProfiles": "iam:ListInstanceProfiles", "GetInstanceProfile": "iam:GetInstanceProfile",
		"DescribePolicies": "autoscaling:DescribePolicies", "ListTagsForResource": "sns:ListTagsForResource",
		"CloudWatch.ListDashboards": "cloudwatch:ListDashboards", "CloudWatch.DescribeAlarms": "cloudwatch:DescribeAlarms",
		"CloudWatch.ListTagsForResource": "cloudwatch:ListTagsForResource", "DLM.GetLifecyclePolicies": "dlm:GetLifecyclePolicies",
		"TrentService.ListKeys": "kms:ListKeys", "TrentService.ListResourceTags": "kms:ListResourceTags",
		"TrentService.DescribeKey":     "kms:DescribeKey",
		"AmazonSSM.DescribeParameters": "ssm:DescribeParameters", "AmazonSSM.ListTagsForResource": "ssm:ListTagsForResource",
		"Route53.ListHostedZonesByVPC": "route53:ListHostedZonesByVPC", "Route53.ListTagsForResource": "route53:ListTagsForResource",
		"Route53.ListResourceRecordSets": "route53:ListResourceRecordSets",
		"S3.ListBuckets":                 "s3:ListAllMyBuckets", "S3.GetBucketTagging": "s3:GetBucketTagging",
	}
	for call := range codes {
		if permissions[call] == "" {
			permissions[call] = "ec2:" + call
		}
	}
	for _, call := range slices.Sorted(maps.Keys(permissions)) {
		code := codes[call]
		if code == "" {
			code = "AccessDenied"
		}
		(&fakeAccount{things: machines("us"), refuse: map[string]string{call: code}}).serve(t)
		_, err := ask(t, "us")
		if want := "denies " + permissions[call] + "; allow these actions"; !errors.Is(err, clouds.ErrNotAllowed) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", call, err, want)
		}
	}
}

// A resource that was deleted between the list and the query about it does not hide those after it.
func TestOwnedFindsWhatFollowsADeletedResource(t *testing.T) {
	both := func(list, gone, exists string) []thing {
		return []thing{
			{list: list, id: gone, tags: of("us", "gone"), has: map[string]string{
				"vanished": "yes", "path": "/beachhead/", "region": "us-west-1", "vpc": "vpc-1", "owner": ofAccount, "action": "arn:topic",
			}},
			{list: list, id: exists, tags: of("us", "exists"), has: map[string]string{
				"path": "/beachhead/", "region": "us-west-1", "vpc": "vpc-1", "owner": ofAccount, "action": "arn:topic",
			}},
		}
	}
	account := &fakeAccount{things: slices.Concat(
		[]thing{{list: "DescribeVpcs", id: "vpc-1", tags: of("us", "net-vpc"), body: "<vpcId>vpc-1</vpcId>"}},
		both("DescribeParameters", "/gone", "/exists"), both("ListBuckets", "beachhead-us-gone", "beachhead-us-exists"),
		both("ListRoles", "gone", "exists"), both("ListInstanceProfiles", "gone", "exists"), both("ListKeys", "gone", "exists"),
		both("ListTopics", "arn:gone", "arn:topic"), both("DescribeAlarms", "gone", "exists"), both("ListHostedZonesByVPC", "Zgone", "Zexists"),
		both("DescribeLogGroups", "/beachhead/us/gone", "/beachhead/us/exists"),
	)}
	want := []string{
		"aws:cloudwatch/logGroup:LogGroup /beachhead/us/exists exists", "aws:cloudwatch/metricAlarm:MetricAlarm exists exists",
		"aws:ec2/vpc:Vpc vpc-1 net-vpc", "aws:iam/instanceProfile:InstanceProfile exists exists", "aws:iam/role:Role exists exists",
		"aws:kms/key:Key exists exists", "aws:route53/zone:Zone Zexists exists", "aws:s3/bucketV2:BucketV2 beachhead-us-exists exists",
		"aws:sns/topic:Topic arn:topic exists", "aws:ssm/parameter:Parameter /exists exists",
	}
	if got := owned(t, account, "us"); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The table of resource types, from which the documentation's table of permissions is generated, has exactly what the search calls.
func TestPermissionsAreThoseOfTheCalls(t *testing.T) {
	(&fakeAccount{things: slices.Concat(region("us"), machines("us"))}).serve(t)
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-west-1"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	called := map[string]bool{}
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("record", func(
			ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
		) (middleware.InitializeOutput, middleware.Metadata, error) {
			mu.Lock()
			called[actionOf(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx))] = true
			mu.Unlock()
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	})
	if _, err := NewInventory(cfg).FindOwned(t.Context(), "us"); err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(restype.SearchPermissions(), func(p string) bool { return strings.HasPrefix(p, "compute.") })
	if got := slices.Sorted(maps.Keys(called)); !slices.Equal(got, want) {
		t.Errorf("the search calls\n%q\nthe table of resource types has\n%q", got, want)
	}
}
