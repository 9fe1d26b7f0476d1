package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/beachhead-build/beachhead/internal/clouds"
	"github.com/beachhead-build/beachhead/internal/inventory"
)

// of makes tags of a stack.
func of(stack, name string) map[string]string {
	return map[string]string{"beachhead:stack": stack, "Name": name, "cost-center": "ci"}
}

// plain is something of EC2 of which only the tags are asked for.
func plain(id, stack, name string) thing {
	return thing{id: id, tags: of(stack, name)}
}

func table(id, stack, name, subnet string) thing {
	return thing{list: "DescribeRouteTables", id: id, tags: of(stack, name), body: fmt.Sprintf(`<routeTableId>%[1]s</routeTableId><routeSet>
		<item><destinationCidrBlock>10.42.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><origin>CreateRouteTable</origin></item>
		<item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><natGatewayId>nat-1</natGatewayId><origin>CreateRoute</origin></item>
		<item><destinationPrefixListId>pl-1</destinationPrefixListId><gatewayId>vpce-1</gatewayId><origin>CreateRoute</origin></item>
		<item><destinationCidrBlock>10.9.0.0/16</destinationCidrBlock><gatewayId>vgw-1</gatewayId>
			<origin>EnableVgwRoutePropagation</origin></item>
		</routeSet><associationSet>
		<item><routeTableAssociationId>rtbassoc-main</routeTableAssociationId><main>true</main></item>
		<item><routeTableAssociationId>rtbassoc-%[2]s</routeTableAssociationId><routeTableId>%[1]s</routeTableId><subnetId>%[2]s</subnetId>
			<main>false</main><associationState><state>associated</state></associationState></item>
		<item><routeTableAssociationId>rtbassoc-going</routeTableAssociationId><routeTableId>%[1]s</routeTableId><subnetId>subnet-9</subnetId>
			<main>false</main><associationState><state>disassociating</state></associationState></item>
		</associationSet>`, id, subnet)}
}

func gateway(id, stack, name, state string) thing {
	return thing{list: "DescribeNatGateways", id: id, tags: of(stack, name),
		body: fmt.Sprintf("<natGatewayId>%s</natGatewayId><state>%s</state>", id, state)}
}

func endpoint(id, stack, name, state string) thing {
	return thing{list: "DescribeVpcEndpoints", id: id, tags: of(stack, name),
		body: fmt.Sprintf("<vpcEndpointId>%s</vpcEndpointId><state>%s</state>", id, state)}
}

func group(id, stack, name, groupName string) thing {
	return thing{list: "DescribeSecurityGroups", id: id, tags: of(stack, name), has: map[string]string{"group-name": groupName},
		body: fmt.Sprintf("<groupId>%s</groupId><groupName>%s</groupName>", id, groupName)}
}

func rule(id, stack, name string, egress bool) thing {
	return thing{list: "DescribeSecurityGroupRules", id: id, tags: of(stack, name),
		body: fmt.Sprintf("<securityGroupRuleId>%s</securityGroupRuleId><isEgress>%t</isEgress>", id, egress)}
}

func address(id, stack, name, association, iface string) thing {
	return thing{list: "DescribeAddresses", id: id, tags: of(stack, name),
		body: fmt.Sprintf("<allocationId>%s</allocationId><associationId>%s</associationId><networkInterfaceId>%s</networkInterfaceId>",
			id, association, iface)}
}

func role(id, stack, path string) thing {
	return thing{list: "ListRoles", id: id, tags: of(stack, "net-flow-logs"), has: map[string]string{"path": path}}
}

// region is one of everything that a region consists of.
func region(stack string) []thing {
	id := func(prefix string) string { return prefix + "-" + strings.ReplaceAll(stack, "-", "") }
	return []thing{
		plain(id("vpc"), stack, "net-vpc"), plain(id("subnet"), stack, "net-public-a"), plain(id("igw"), stack, "net-internet"),
		plain(id("eni"), stack, "net-nat-instance-a"), plain(id("lt"), stack, "net-nat-instance-a"), plain(id("fl"), stack, "net-flow-logs"),
		plain(id("i"), stack, "net-nat-instance-a"), plain(id("vol"), stack, "net-nat-instance-a"),
		table(id("rtb"), stack, "net-public", id("subnet")),
		gateway(id("nat"), stack, "net-nat-a", "available"), endpoint(id("vpce"), stack, "net-s3", "available"),
		group(id("sg"), stack, "net-endpoints", "net-endpoints-1a2b3c"), group(id("sg-default"), stack, "net-locked", "default"),
		rule(id("sgr-in"), stack, "net-endpoints-https", false), rule(id("sgr-out"), stack, "net-nat-instance-out", true),
		address(id("eipalloc-machine"), stack, "net-nat-instance-a", id("eipassoc"), id("eni")),
		address(id("eipalloc-gateway"), stack, "net-nat-a-0", id("eipassoc-gateway"), "eni-of-the-gateway"),
		address(id("eipalloc-free"), stack, "net-nat-a-1", "", ""),
		{list: "DescribeAutoScalingGroups", id: id("net-nat-instance-a"), tags: of(stack, "net-nat-instance-a")},
		role(id("net-flow-logs"), stack, "/beachhead/"),
		{list: "DescribeLogGroups", id: "/beachhead/" + stack + "/flow-logs", tags: of(stack, "net-flow-logs")},
	}
}

func ask(t *testing.T, stack string) ([]inventory.Resource, error) {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-west-1"))
	if err != nil {
		t.Fatal(err)
	}
	return NewInventory(cfg).FindOwned(t.Context(), stack)
}

func owned(t *testing.T, account *fakeAccount, stack string) []string {
	t.Helper()
	account.serve(t)
	all, err := ask(t, stack)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, o := range all {
		words := []string{o.Type, o.ID, o.Name}
		if o.ImportID != o.ID {
			words = append(words, "as", o.ImportID)
		}
		for _, key := range slices.Sorted(maps.Keys(o.Inputs)) {
			words = append(words, fmt.Sprintf("%s=%v", key, o.Inputs[key]))
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}

var wholeRegion = []string{
	"aws:autoscaling/group:Group net-nat-instance-a-uswest1 net-nat-instance-a",
	"aws:cloudwatch/logGroup:LogGroup /beachhead/us-west-1/flow-logs net-flow-logs",
	"aws:ec2/eip:Eip eipalloc-free-uswest1 net-nat-a-1",
	"aws:ec2/eip:Eip eipalloc-gateway-uswest1 net-nat-a-0",
	"aws:ec2/eip:Eip eipalloc-machine-uswest1 net-nat-instance-a",
	"aws:ec2/eipAssociation:EipAssociation eipassoc-uswest1  allocationId=eipalloc-machine-uswest1",
	"aws:ec2/flowLog:FlowLog fl-uswest1 net-flow-logs",
	"aws:ec2/internetGateway:InternetGateway igw-uswest1 net-internet",
	"aws:ec2/launchTemplate:LaunchTemplate lt-uswest1 net-nat-instance-a",
	"aws:ec2/natGateway:NatGateway nat-uswest1 net-nat-a",
	"aws:ec2/networkInterface:NetworkInterface eni-uswest1 net-nat-instance-a",
	// The number is the provider's, from a real account.
	"aws:ec2/route:Route r-rtb-uswest11080289494  as rtb-uswest1_0.0.0.0/0 destinationCidrBlock=0.0.0.0/0 routeTableId=rtb-uswest1",
	"aws:ec2/routeTable:RouteTable rtb-uswest1 net-public",
	"aws:ec2/routeTableAssociation:RouteTableAssociation rtbassoc-subnet-uswest1  as subnet-uswest1/rtb-uswest1 subnetId=subnet-uswest1",
	"aws:ec2/securityGroup:SecurityGroup sg-uswest1 net-endpoints",
	"aws:ec2/subnet:Subnet subnet-uswest1 net-public-a",
	"aws:ec2/vpc:Vpc vpc-uswest1 net-vpc",
	"aws:ec2/vpcEndpoint:VpcEndpoint vpce-uswest1 net-s3",
	"aws:iam/role:Role net-flow-logs-uswest1 net-flow-logs",
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule sgr-out-uswest1 net-nat-instance-out",
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule sgr-in-uswest1 net-endpoints-https",
}

func TestOwnedIsAllOfARegionAndNothingOfAnother(t *testing.T) {
	account := &fakeAccount{things: slices.Concat(region("us-east-1"), region("us-west-1"), region("us-west-10"))}
	if got := owned(t, account, "us-west-1"); !reflect.DeepEqual(got, wholeRegion) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wholeRegion, "\n"))
	}
}

func TestOwnedFollowsPages(t *testing.T) {
	account := &fakeAccount{page: 1, things: append(slices.Concat(region("us-east-1"), region("us-west-1")),
		table("rtb-2", "us-west-1", "net-link", "subnet-2"), group("sg-default2", "us-west-1", "net-locked", "default"),
		gateway("nat-gone", "us-west-1", "net-nat-a", "deleted"), endpoint("vpce-gone", "us-west-1", "net-s3", "deleted"),
		thing{list: "DescribeAutoScalingGroups", id: "two", tags: of("us-west-1", "net-nat-instance-b")},
		thing{list: "DescribeLogGroups", id: "/beachhead/us-west-1/more", tags: of("us-west-1", "more")},
	)}
	want := slices.Sorted(slices.Values(append(slices.Clone(wholeRegion),
		"aws:ec2/routeTable:RouteTable rtb-2 net-link",
		"aws:ec2/route:Route r-rtb-21080289494  as rtb-2_0.0.0.0/0 destinationCidrBlock=0.0.0.0/0 routeTableId=rtb-2",
		"aws:ec2/routeTableAssociation:RouteTableAssociation rtbassoc-subnet-2  as subnet-2/rtb-2 subnetId=subnet-2",
		"aws:autoscaling/group:Group two net-nat-instance-b", "aws:cloudwatch/logGroup:LogGroup /beachhead/us-west-1/more more",
	)))
	if got := slices.Sorted(slices.Values(owned(t, account, "us-west-1"))); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOwnedAsksForNoMoreNamesAtOnceThanEC2Takes(t *testing.T) {
	account := &fakeAccount{}
	for i := range maxFilterValues + 50 {
		account.things = append(account.things, plain(fmt.Sprintf("subnet-%03d", i), "us-west-1", fmt.Sprintf("net-subnet-%d", i)))
	}
	got := owned(t, account, "us-west-1")
	if want := "aws:ec2/subnet:Subnet subnet-249 net-subnet-249"; len(got) != 250 || !slices.Contains(got, want) {
		t.Errorf("%d things, want 250 and among them %q", len(got), want)
	}
}

// Resources that EC2 and others still list while or after they are deleted must not be adopted.
func TestOwnedLeavesOutWhatIsGone(t *testing.T) {
	account := &fakeAccount{things: []thing{
		gateway("nat-1", "us-west-1", "net-nat-a", "deleted"), gateway("nat-2", "us-west-1", "net-nat-a", "deleting"),
		gateway("nat-3", "us-west-1", "net-nat-a", "failed"), gateway("nat-4", "us-west-1", "net-nat-a", "pending"),
		endpoint("vpce-1", "us-west-1", "net-s3", "deleted"), endpoint("vpce-2", "us-west-1", "net-s3", "Deleting"),
		endpoint("vpce-3", "us-west-1", "net-s3", "pending"),
		{list: "DescribeAutoScalingGroups", id: "one", tags: of("us-west-1", "one"), body: "<Status>Delete in progress</Status>"},
		{list: "ListRoles", id: "net-flow-logs-1", has: map[string]string{"path": "/beachhead/", "vanished": "yes"}},
	}}
	want := []string{"aws:ec2/natGateway:NatGateway nat-4 net-nat-a", "aws:ec2/vpcEndpoint:VpcEndpoint vpce-3 net-s3"}
	if got := owned(t, account, "us-west-1"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOwnedOfAnEmptyAccount(t *testing.T) {
	account := &fakeAccount{}
	if got := owned(t, account, "us-west-1"); len(got) != 0 {
		t.Errorf("%q, want nothing", got)
	}
	calls := 0
	for _, n := range account.calls {
		calls += n
	}
	if calls != 24 {
		t.Errorf("%d calls (%v), want one for each question", calls, account.calls)
	}
}

func TestRolesElsewhereAreNotOurs(t *testing.T) {
	account := &fakeAccount{things: []thing{role("net-flow-logs-1", "us-west-1", "/"), role("net-flow-logs-2", "us-east-1", "/beachhead/")}}
	if got := owned(t, account, "us-west-1"); len(got) != 0 {
		t.Errorf("%q, want nothing", got)
	}
	if account.calls["GetRole"] != 1 {
		t.Errorf("%v, want the tags of the role under /beachhead/ only", account.calls)
	}
}

func TestOwnedNamesEveryMissingPermission(t *testing.T) {
	(&fakeAccount{things: region("us-west-1"), refuse: map[string]string{
		"DescribeTags": "UnauthorizedOperation", "ListRoles": "AccessDenied", "DescribeAutoScalingGroups": "AccessDenied",
		"ListTagsForResource": "AccessDeniedException", "DescribeAddresses": "ExpiredToken",
	}}).serve(t)
	_, err := ask(t, "us-west-1")
	if !errors.Is(err, clouds.ErrNotAllowed) {
		t.Fatalf("%v, want clouds.ErrNotAllowed", err)
	}
	want := "denies autoscaling:DescribeAutoScalingGroups, ec2:DescribeTags, iam:ListRoles, logs:ListTagsForResource; allow these actions"
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant %q in it", err, want)
	}
}

func TestOwnedIsNotSilentAboutOtherErrors(t *testing.T) {
	for call, want := range map[string]string{
		"DescribeRouteTables": "ec2:DescribeRouteTables", "GetRole": "iam:GetRole", "DescribeLogGroups": "logs:DescribeLogGroups",
	} {
		(&fakeAccount{things: region("us-west-1"), refuse: map[string]string{call: "ExpiredToken"}}).serve(t)
		_, err := ask(t, "us-west-1")
		if err == nil || !strings.Contains(err.Error(), want+` failed with "ExpiredToken"; run the command again`) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %s and the code", err, want)
		}
	}
}

func TestOwnedEndsWithItsContext(t *testing.T) {
	(&fakeAccount{}).serve(t)
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-west-1"))
	if err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := NewInventory(cfg).FindOwned(late, "us-west-1"); !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "run the command again") {
		t.Errorf("%v, want the deadline and the next step", err)
	}
	interrupted, stop := context.WithCancel(t.Context())
	stop()
	if _, err := NewInventory(cfg).FindOwned(interrupted, "us-west-1"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the interruption", err)
	}
}
