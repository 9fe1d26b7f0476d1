package stacks_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/spec"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

// calls are what the agent's package writes for a call of AWS: a method of a client, a client's pages, or a call of Systems Manager by
// name.
var calls = regexp.MustCompile(`\.(ec2|autoscaling|cloudwatch)\.([A-Z]\w+)\(ctx|(ec2|autoscaling)\.New([A-Z]\w+)Paginator\(|` +
	`ssm\.callAction\(ctx, "(\w+)"`)

// called lists the agent's calls, as IAM names them.
func called(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../node/aws/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range calls.FindAllStringSubmatch(string(text), -1) {
			service := found[1] + found[3]
			if service == "" {
				service = "ssm"
			}
			all = append(all, service+":"+found[2]+found[4]+found[5])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// needs are the agent's calls by role. AWS would refuse a call that is in none of them.
var needs = map[spec.Role][]string{
	spec.NATRole: {
		"autoscaling:CompleteLifecycleAction", "autoscaling:DescribeAutoScalingInstances", "autoscaling:RecordLifecycleActionHeartbeat",
		"cloudwatch:PutMetricData",
	},
	spec.RunnerRole: {
		"autoscaling:CompleteLifecycleAction", "autoscaling:DescribeAutoScalingInstances", "autoscaling:RecordLifecycleActionHeartbeat",
		"autoscaling:SetInstanceProtection", "cloudwatch:PutMetricData", "ssm:GetParameter",
	},
	spec.CacheRole: {
		"autoscaling:CompleteLifecycleAction", "autoscaling:DescribeAutoScalingInstances", "autoscaling:RecordLifecycleActionHeartbeat",
		"cloudwatch:PutMetricData", "ec2:AttachNetworkInterface", "ec2:AttachVolume", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces",
		"ec2:DescribeVolumes", "ec2:DetachNetworkInterface", "ec2:DetachVolume", "ssm:GetParameter", "ssm:PutParameter",
	},
}

// A machine's role allows every call of its agent, and the table above contains every call.
func TestRolesMayDoWhatTheAgentCalls(t *testing.T) {
	p := shipped(t, func(c *regionfile.Config) { c.Network.Egress = regionfile.NATInstance })[0]
	recorded := record(t, p)
	var known []string
	for _, template := range recorded.OfType("aws:ec2/launchTemplate:LaunchTemplate") {
		want := needs[told(t, template).Role]
		known = append(known, want...)
		role := recorded.Named(t, "aws:iam/rolePolicy:RolePolicy", template.Name)
		for _, action := range want {
			if !slices.Contains(actions(t, role), action) {
				t.Errorf("machines of %s may not call %s", template.Name, action)
			}
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if got := called(t); !slices.Equal(got, known) {
		t.Errorf("the agent calls %q, and roles are checked for %q", got, known)
	}
}

func actions(t *testing.T, role recorder.Registration) []string {
	t.Helper()
	var p policy
	if err := json.Unmarshal([]byte(recorder.Plain(role.Inputs["policy"]).(string)), &p); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range p.Statement {
		all = append(all, words(s.Action)...)
	}
	return all
}
