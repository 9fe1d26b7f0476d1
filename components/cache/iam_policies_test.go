package cache_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

type statement struct {
	Effect           string
	Action, Resource []string
	Condition        map[string]map[string]string
}

func statements(t *testing.T, policy recorder.Registration) []statement {
	t.Helper()
	var document struct{ Statement []statement }
	if err := json.Unmarshal([]byte(text(policy.Inputs, "policy")), &document); err != nil || len(document.Statement) == 0 {
		t.Fatalf("%s is no policy: %v", policy.Name, err)
	}
	return document.Statement
}

// unnamed are the calls for which IAM has no resources. Source: AWS, "Service authorization reference".
var unnamed = []string{
	"autoscaling:DescribeAutoScalingInstances",
	"cloudwatch:PutMetricData",
	"ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSnapshots", "ec2:DescribeVolumes",
	"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
}

func TestPoliciesNameWhatTheyAllow(t *testing.T) {
	policies := record(t, nil).OfType("aws:iam/rolePolicy:RolePolicy")
	if len(policies) != 3 {
		t.Fatalf("%d policies, want one for each server and that of snapshots", len(policies))
	}
	for _, policy := range policies {
		for _, s := range statements(t, policy) {
			for _, action := range s.Action {
				if strings.Contains(action, "*") {
					t.Errorf("%s allows %s", policy.Name, action)
				}
				if slices.Contains(s.Resource, "*") && !slices.Contains(unnamed, action) {
					t.Errorf("%s allows %s on everything", policy.Name, action)
				}
			}
			if slices.Contains(s.Action, "cloudwatch:PutMetricData") && s.Condition["StringEquals"]["cloudwatch:namespace"] != "Beachhead" {
				t.Errorf("%s allows metrics of any namespace: %v", policy.Name, s.Condition)
			}
		}
	}
}

// allowed lists the resources on which a policy allows an action, each with its conditions.
func allowed(t *testing.T, policy recorder.Registration, action string) []string {
	t.Helper()
	var on []string
	for _, s := range statements(t, policy) {
		for _, r := range s.Resource {
			if slices.Contains(s.Action, action) {
				keys := []string{r}
				for key, value := range s.Condition["StringEquals"] {
					keys = append(keys, key+"="+value)
				}
				slices.Sort(keys[1:])
				on = append(on, strings.Join(keys, " "))
			}
		}
	}
	return on
}

func TestAServerTouchesItsOwnShardOnly(t *testing.T) {
	const (
		machine = "arn:aws:ec2:us-west-1:210987654321:instance/* " +
			"aws:ResourceTag/Name=cache-shard-01-server aws:ResourceTag/beachhead:cache=us-west-1"
		group = "arn:aws:autoscaling:us-west-1:210987654321:autoScalingGroup:*:autoScalingGroupName/* " +
			"autoscaling:ResourceTag/Name=cache-shard-01-server autoscaling:ResourceTag/beachhead:cache=us-west-1"
		own   = "arn:aws:test:::cache-shard-01"
		moved = "arn:aws:test:::cache-shard-01-moved"
	)
	policy := record(t, nil).Named(t, "aws:iam/rolePolicy:RolePolicy", "cache-shard-01-server")
	for action, want := range map[string][]string{
		"ec2:AttachVolume": {own, machine}, "ec2:DetachVolume": {own, machine},
		"ec2:AttachNetworkInterface": {own, machine}, "ec2:DetachNetworkInterface": {own, machine},
		"autoscaling:CompleteLifecycleAction": {group}, "autoscaling:RecordLifecycleActionHeartbeat": {group},
		"ssm:GetParameter": {"arn:aws:test:::cache-map", "arn:aws:test:::cache-map:*", moved}, "ssm:PutParameter": {moved},
		"s3:GetObject": {"arn:aws:s3:::agents/agent/*"}, "autoscaling:DescribeAutoScalingInstances": {"*"},
		"ec2:DeleteVolume": nil, "ec2:CreateTags": nil, "ssm:DeleteParameter": nil, "ec2:TerminateInstances": nil,
	} {
		if got := allowed(t, policy, action); !slices.Equal(got, want) {
			t.Errorf("%s on %q, want %q", action, got, want)
		}
	}
	// The policy's tags are those of servers and their groups.
	tags := launched(t, record(t, nil), "cache-shard-01-server")
	if tags["instance"]["Name"] != "cache-shard-01-server" || tags["instance"][cache.CacheTag] != "us-west-1" {
		t.Errorf("instances are tagged %v", tags["instance"])
	}
}

func launched(t *testing.T, recorded recorder.Recording, template string) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, spec := range recorded.Named(t, templateType, template).Inputs["tagSpecifications"].ArrayValue() {
		tags := map[string]string{}
		for key, value := range spec.ObjectValue()["tags"].ObjectValue() {
			tags[string(key)] = value.StringValue()
		}
		all[text(spec.ObjectValue(), "resourceType")] = tags
	}
	return all
}

// Every resource that accepts tags has its name as Name tag: Beachhead finds a killed run's resources by it. A resource that a launch
// creates never has the Name of another resource of its type, so that the two are never mistaken for each other.
func TestTags(t *testing.T) {
	recorded := record(t, nil)
	for _, r := range recorded {
		if tags := r.Inputs["tags"]; r.Custom && tags.IsObject() && text(tags.ObjectValue(), "Name") != r.Name {
			t.Errorf("%s %s has the tags %v", r.Type, r.Name, tags)
		}
	}
	for _, r := range recorded.OfType(groupType) {
		tags := map[string]string{}
		for _, tag := range r.Inputs["tags"].ArrayValue() {
			tags[text(tag.ObjectValue(), "key")] = text(tag.ObjectValue(), "value")
		}
		if tags["Name"] != r.Name || tags["beachhead:stack"] != "us-west-1" || tags[cache.CacheTag] != "us-west-1" {
			t.Errorf("%s is tagged %v", r.Name, tags)
		}
	}
	all := launched(t, recorded, "cache-shard-00-server")
	for _, what := range []string{"instance", "volume", "network-interface"} {
		if all[what]["Name"] != "cache-shard-00-server" || all[what]["beachhead:stack"] != "us-west-1" || all[what]["cost-center"] != "ci" {
			t.Errorf("a launched %s is tagged %v", what, all[what])
		}
	}
	// A lifecycle policy takes snapshots of every volume with the cache's tag.
	if _, tagged := all["volume"][cache.CacheTag]; tagged {
		t.Error("root disks would be snapshotted")
	}
	for _, v := range recorded.OfType(volumeType) {
		if text(v.Inputs["tags"].ObjectValue(), cache.CacheTag) != "us-west-1" {
			t.Errorf("%s would not be snapshotted", v.Name)
		}
	}
}

func TestChildrenHaveTheComponentAsParent(t *testing.T) {
	for _, r := range record(t, nil) {
		if r.Custom && resource.URN(r.Parent).Name() != "cache" {
			t.Errorf("%s %s has the parent %q", r.Type, r.Name, r.Parent)
		}
	}
}

func TestSnapshots(t *testing.T) {
	const lifecycle, policyType = "aws:dlm/lifecyclePolicy:LifecyclePolicy", "aws:iam/rolePolicy:RolePolicy"
	recorded := record(t, nil)
	details := recorded.Named(t, lifecycle, "cache-snapshots").Inputs["policyDetails"].ObjectValue()
	if targets := details["targetTags"].ObjectValue(); len(targets) != 1 || text(targets, cache.CacheTag) != "us-west-1" {
		t.Errorf("snapshots of what is tagged %v: any one tag is enough for Data Lifecycle Manager", targets)
	}
	daily := details["schedules"].ArrayValue()[0].ObjectValue()
	create := daily["createRule"].ObjectValue()
	if create["interval"].NumberValue() != 24 || text(create, "intervalUnit") != "HOURS" || text(create, "times") != "09:00" {
		t.Errorf("made %v, want daily", create)
	}
	if daily["retainRule"].ObjectValue()["count"].NumberValue() != 7 || !daily["copyTags"].BoolValue() {
		t.Errorf("kept %v, tags copied %v", daily["retainRule"], daily["copyTags"])
	}
	copies := daily["crossRegionCopyRules"].ArrayValue()
	if len(copies) != 1 || text(copies[0].ObjectValue(), "target") != "us-east-2" || !copies[0].ObjectValue()["encrypted"].BoolValue() {
		t.Errorf("copies %v, want one, to us-east-2, encrypted", copies)
	}
	ours := " aws:ResourceTag/beachhead:cache=us-west-1"
	want := []string{"arn:aws:ec2:us-west-1::snapshot/*" + ours, "arn:aws:ec2:us-east-2::snapshot/*" + ours}
	if got := allowed(t, recorded.Named(t, policyType, "cache-snapshots"), "ec2:DeleteSnapshot"); !slices.Equal(got, want) {
		t.Errorf("snapshots may be deleted on %q, want %q", got, want)
	}
	alone := record(t, func(a *cache.Args) { a.Snapshots.CopyTo = nil })
	if got := allowed(t, alone.Named(t, policyType, "cache-snapshots"), "ec2:CopySnapshot"); got != nil {
		t.Errorf("without copies, copies are allowed on %q", got)
	}
}

// The map is not a secret: a preview shows which slots a change moves.
func TestMapIsReadable(t *testing.T) {
	in := record(t, nil).Named(t, "aws:ssm/parameter:Parameter", "cache-map").Inputs
	if text(in, "name") != "/beachhead/us-west-1/cache/map" || text(in, "insecureValue") != args(nil).Map.Document || in.HasValue("value") {
		t.Errorf("the map is %v", in)
	}
}

// The server owns the parameter's value: no up resets it, also not after a refresh. Every other property is fixed, since the provider
// would write the value along with a change of it.
func TestServerOwnsTheMovedParameter(t *testing.T) {
	recorded := record(t, nil)
	for number := range 2 {
		name := fmt.Sprintf("cache-shard-%02d-moved", number)
		r := recorded.Named(t, "aws:ssm/parameter:Parameter", name)
		want := resource.NewPropertyMapFromMap(map[string]any{
			"name": shard(number).MovedParameter, "type": "String", "insecureValue": "{}", "tags": map[string]any{"Name": name},
			"description": "What the server of a cache shard has copied from where it was before",
		})
		if !r.Inputs.DeepEquals(want) || !slices.Equal(r.Ignored, []string{"insecureValue", "value"}) {
			t.Errorf("%s is %v and ignores %v", name, r.Inputs, r.Ignored)
		}
	}
}

func TestOutputs(t *testing.T) {
	told := make(chan string, 1)
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		c, err := cache.New(ctx, "cache", args(nil))
		if err != nil {
			return err
		}
		pulumi.All(c.VolumeIDs, c.Addresses, c.Names, c.GroupNames, c.MapParameter, c.SecurityGroup, c.ZoneID).ApplyT(func(values []any) error {
			text, err := json.Marshal(values)
			told <- string(text)
			return err
		})
		return nil
	}, pulumi.WithMocks("beachhead", "test", options{recorded: make(chan string, 10)}))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"00":"cache-shard-00-id","01":"cache-shard-01-id"},{"00":"10.42.224.128","01":"10.42.226.129"},` +
		`{"00":"shard-00.cache.us-west-1.internal","01":"shard-01.cache.us-west-1.internal"},` +
		`{"00":"cache-shard-00-server","01":"cache-shard-01-server"},` +
		`"/beachhead/us-west-1/cache/map","cache-access-id","cache-zone-id"]`
	close(told)
	if got := <-told; got != want {
		t.Errorf("outputs\n%s, want\n%s", got, want)
	}
}
