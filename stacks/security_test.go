package stacks_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/hashserv"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

// every records the shipped regions in each egress mode, because security must hold in all of them.
func every(t *testing.T, check func(t *testing.T, p *plan.Plan, r recorder.Recording)) {
	t.Helper()
	for _, egress := range []regionfile.Egress{regionfile.NATGatewayPerZone, regionfile.NATInstance, regionfile.Public, regionfile.None} {
		for _, p := range shipped(t, func(c *regionfile.Config) { c.Network.Egress = egress }) {
			t.Run(fmt.Sprintf("%s %s", p.Name, egress), func(t *testing.T) { check(t, p, record(t, p)) })
		}
	}
}

// policy is an IAM policy as far as these tests read it.
type policy struct {
	Statement []struct {
		Effect           string
		Action, Resource any
		Condition        map[string]any
	}
}

func words(v any) []string {
	if list, isList := v.([]any); isList {
		var out []string
		for _, one := range list {
			out = append(out, fmt.Sprint(one))
		}
		return out
	}
	return []string{fmt.Sprint(v)}
}

// nameless are the calls for which IAM has no resources to name. Source: AWS, Service Authorization Reference.
var nameless = []string{
	"autoscaling:DescribeAutoScalingInstances", "cloudwatch:PutMetricData", "ssmmessages:CreateControlChannel",
	"ssmmessages:CreateDataChannel",
	"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel", "ec2:DescribeAvailabilityZones", "ec2:DescribeInstances",
	"ec2:DescribeNetworkInterfaces", "ec2:DescribeSnapshots", "ec2:DescribeVolumes",
}

// No role allows an action on every resource where IAM can name resources.
func TestRolesMayDoWhatTheyNeed(t *testing.T) {
	every(t, func(t *testing.T, _ *plan.Plan, recorded recorder.Recording) {
		t.Helper()
		policies := recorded.OfType("aws:iam/rolePolicy:RolePolicy")
		if len(policies) == 0 {
			t.Fatal("no policies")
		}
		for _, r := range policies {
			var p policy
			if err := json.Unmarshal([]byte(recorder.Plain(r.Inputs["policy"]).(string)), &p); err != nil {
				t.Fatal(err)
			}
			for _, s := range p.Statement {
				for _, action := range words(s.Action) {
					if strings.Contains(action, "*") {
						t.Errorf("%s may do %s", r.Name, action)
					}
					if slices.Contains(words(s.Resource), "*") && !slices.Contains(nameless, action) {
						t.Errorf("%s may do %s on everything", r.Name, action)
					}
				}
			}
		}
	})
}

// mayRead reports whether a role may read a parameter, by its name or by a pattern with stars.
func mayRead(t *testing.T, role recorder.Registration, parameter string) bool {
	t.Helper()
	var p policy
	if err := json.Unmarshal([]byte(recorder.Plain(role.Inputs["policy"]).(string)), &p); err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Statement {
		if !slices.Contains(words(s.Action), "ssm:GetParameter") {
			continue
		}
		for _, on := range words(s.Resource) {
			pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(on), `\*`, ".*") + "$"
			if regexp.MustCompile(pattern).MatchString(parameter) {
				return true
			}
		}
	}
	return false
}

// A fleet's role may read its own token and no other fleet's. A cache server's role may read none.
func TestTokensAreReadByTheirFleetAlone(t *testing.T) {
	every(t, func(t *testing.T, p *plan.Plan, recorded recorder.Recording) {
		t.Helper()
		read := 0
		for _, r := range recorded.OfType("aws:iam/rolePolicy:RolePolicy") {
			for _, f := range p.Fleets {
				if !mayRead(t, r, fmt.Sprintf("arn:aws:ssm:%s:%s:parameter%s", p.Region, p.Account, f.Agent.TokenParameter)) {
					continue
				}
				read++
				if r.Name != "fleet-"+f.Name {
					t.Errorf("%s may read the token of %s", r.Name, f.Name)
				}
			}
		}
		if read != len(p.Fleets) {
			t.Errorf("%d of %d fleets may read their tokens", read, len(p.Fleets))
		}
	})
}

// Security groups let in NFS and hash-equivalence requests from runner subnets, NFS among cache servers, HTTPS to endpoints and traffic
// to NAT instances from the network, and nothing else.
func TestNothingIsReachableFromTheInternet(t *testing.T) {
	every(t, func(t *testing.T, p *plan.Plan, recorded recorder.Recording) {
		t.Helper()
		cache := 0
		for _, r := range recorded.OfType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") {
			if group := r.Inputs["referencedSecurityGroupId"]; group.IsString() {
				if r.Name != "cache-nfs-servers" || group.StringValue() != r.Inputs["securityGroupId"].StringValue() {
					t.Errorf("%s lets in %s; want cache servers among themselves alone", r.Name, group)
				}
				continue
			}
			from := netip.MustParsePrefix(r.Inputs["cidrIpv4"].StringValue())
			if !p.Network.CIDR.Overlaps(from) || from.Bits() < p.Network.CIDR.Bits() {
				t.Errorf("%s lets in %s, which is outside the network", r.Name, from)
			}
			port := r.Inputs["fromPort"]
			if port.IsNumber() && (port.NumberValue() == 2049 || port.NumberValue() == hashserv.Port) {
				cache++
				if !slices.Contains(p.Cache.Clients, from) {
					t.Errorf("%s lets %s reach cache servers, which are no runners", r.Name, from)
				}
			}
		}
		if cache != 2*len(p.Cache.Clients) {
			t.Errorf("%d rules for NFS and hashes, want two for each of %d runner ranges", cache, len(p.Cache.Clients))
		}
		for _, r := range recorded.OfType("aws:ec2/securityGroup:SecurityGroup") {
			if r.Inputs.HasValue("ingress") {
				t.Errorf("%s has rules of its own: %v", r.Name, r.Inputs["ingress"])
			}
		}
		for _, r := range recorded.OfType("aws:ec2/subnet:Subnet") {
			if public := r.Inputs["mapPublicIpOnLaunch"]; public.IsBool() && public.BoolValue() {
				t.Errorf("%s gives public addresses to whatever starts in it", r.Name)
			}
		}
	})
}

// Machines have metadata version 2, encrypted disks, no SSH keys, and user data within EC2's limit.
func TestMachinesAreSafe(t *testing.T) {
	every(t, func(t *testing.T, _ *plan.Plan, recorded recorder.Recording) {
		t.Helper()
		templates := recorded.OfType("aws:ec2/launchTemplate:LaunchTemplate")
		if len(templates) == 0 {
			t.Fatal("no launch templates")
		}
		for _, r := range templates {
			if r.Inputs["metadataOptions"].ObjectValue()["httpTokens"].StringValue() != "required" {
				t.Errorf("%s has metadata version 1", r.Name)
			}
			for _, disk := range r.Inputs["blockDeviceMappings"].ArrayValue() {
				if disk.ObjectValue()["ebs"].ObjectValue()["encrypted"].StringValue() != "true" {
					t.Errorf("%s has a plain disk", r.Name)
				}
			}
			if r.Inputs.HasValue("keyName") {
				t.Errorf("%s takes keys", r.Name)
			}
			if data := r.Inputs["userData"]; data.IsString() {
				raw, err := base64.StdEncoding.DecodeString(data.StringValue())
				if err != nil || len(raw) > 16<<10 {
					t.Errorf("%s: user data of %d bytes, %v", r.Name, len(raw), err)
				}
			}
		}
		for _, r := range recorded.OfType("aws:ebs/volume:Volume") {
			if !r.Inputs["encrypted"].BoolValue() || !r.Protect || !r.Retain {
				t.Errorf("%s: encrypted %v, protected %t, retained %t", r.Name, r.Inputs["encrypted"], r.Protect, r.Retain)
			}
		}
	})
}

// untagged are the types that accept no tags, or whose tags have no use here.
var untagged = []string{
	"aws:autoscaling/group:Group", // tags of its own shape, below
	"aws:autoscaling/policy:Policy", "aws:cloudwatch/dashboard:Dashboard", "aws:ec2/eipAssociation:EipAssociation", "aws:ec2/route:Route",
	"aws:ec2/routeTableAssociation:RouteTableAssociation", "aws:ec2/subnetCidrReservation:SubnetCidrReservation",
	"aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment", "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation",
	"aws:iam/rolePolicy:RolePolicy", "aws:route53/record:Record", "aws:s3/bucketObjectv2:BucketObjectv2",
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls", "aws:s3/bucketPolicy:BucketPolicy",
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
	"aws:sns/topicSubscription:TopicSubscription",
}

// Every resource that accepts tags has its name as Name tag, by which Beachhead finds it. The provider's default tags add the stack's.
func TestEverythingIsTagged(t *testing.T) {
	every(t, func(t *testing.T, _ *plan.Plan, recorded recorder.Recording) {
		t.Helper()
		for _, r := range recorded {
			if !r.Custom || !strings.HasPrefix(r.Type, "aws:") || slices.Contains(untagged, r.Type) {
				continue
			}
			if tags, _ := recorder.Plain(r.Inputs["tags"]).(map[string]any); tags["Name"] != r.Name {
				t.Errorf("%s %s has the Name tag %v", r.Type, r.Name, tags["Name"])
			}
		}
		for _, r := range recorded.OfType("aws:autoscaling/group:Group") {
			if text := fmt.Sprint(recorder.Plain(r.Inputs["tags"])); !strings.Contains(text, r.Name) || !strings.Contains(text, plan.StackTag) {
				t.Errorf("group %s has the tags %s", r.Name, text)
			}
		}
	})
}

// Tokens and keys are in secret inputs only: parameters and GCP's tunnels.
func TestSecretsStaySecret(t *testing.T) {
	every(t, func(t *testing.T, p *plan.Plan, recorded recorder.Recording) {
		t.Helper()
		tokens, keys := 0, 0
		for _, r := range recorded {
			for key, value := range r.Inputs {
				text := fmt.Sprint(recorder.Plain(value))
				if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
					text += string(raw)
				}
				token, tunnel := strings.Contains(text, planted), strings.Contains(text, plantedKey)
				if (token || tunnel) && !value.IsSecret() {
					t.Errorf("a secret is in %s of %s %s in plain", key, r.Type, r.Name)
				}
				if token {
					tokens++
				}
				if tunnel {
					keys++
				}
			}
		}
		if tokens != len(p.Fleets) || keys != 4 {
			t.Errorf("%d tokens and %d keys found, want %d and 4: the search itself must work", tokens, keys, len(p.Fleets))
		}
	})
}
