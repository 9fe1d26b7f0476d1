package aws

import (
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// LifecycleHookType is the Pulumi type token of a lifecycle hook of an Auto Scaling group.
const LifecycleHookType = "aws:autoscaling/lifecycleHook:LifecycleHook"

// The transitions at which a hook holds a machine.
const (
	LaunchTransition    = "autoscaling:EC2_INSTANCE_LAUNCHING"
	terminateTransition = "autoscaling:EC2_INSTANCE_TERMINATING"
)

var hookName = regexp.MustCompile(`^[A-Za-z0-9_/-]{1,255}$`)

// Names of hooks are unique within a group only, and the real provider uses the bare name as the id. Ids in the emulator contain the
// group's name, as import ids do, so that an id is unique.
var lifecycleHookKind = &cloud.Kind{
	Type:           LifecycleHookType,
	Missing:        "ValidationError: No Lifecycle Hook found with name %s",
	AutoNameLength: 255,
	References: []cloud.Reference{
		{Path: "autoscalingGroupName", To: []string{AutoScalingGroupType}, OnDelete: cloud.Cascade},
		{Path: "notificationTargetArn", To: []string{TopicType}},
		{Path: "roleArn", To: []string{RoleType}},
	},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		checkHook(in)
		return in.Failures()
	},
	Create: func(c *cloud.Call) error {
		c.New.ID = c.New.Text("autoscalingGroupName") + "/" + c.New.Text("name")
		if c.Find(c.New.ID, LifecycleHookType) != nil {
			return cloud.Refuse("AlreadyExists: the lifecycle hook %s already exists", c.New.ID) // PutLifecycleHook would overwrite it silently
		}
		c.New.Outputs["defaultResult"] = AbandonResult
		return checkHookTarget(c)
	},
	Update: checkHookTarget,
}

// AbandonResult is the result of a lifecycle hook that terminates a machine which does not become ready in time. AWS uses it where a hook
// sets no defaultResult.
const AbandonResult = "ABANDON"

// checkHook checks hooks of both kinds: those in a group's inputs, and those that are resources.
func checkHook(in *cloud.Inputs) {
	in.CheckPattern("name", hookName)
	in.CheckChoice("lifecycleTransition", LaunchTransition, terminateTransition)
	in.CheckChoice("defaultResult", AbandonResult, "CONTINUE")
	in.CheckRange("heartbeatTimeout", 30, 7200)
	if len(in.Text("notificationMetadata")) > 1023 {
		in.Fail("notificationMetadata", "must be at most 1023 long")
	}
}

// checkHookTarget refuses to move a hook to another group: the provider would create a new one and leave the old one in place.
func checkHookTarget(c *cloud.Call) error {
	if c.Old != nil && c.HasChanged("autoscalingGroupName") {
		return cloud.Refuse("the emulator has no rules for moving %s to another group", c.New.ID)
	}
	if c.New.Text("notificationTargetArn") != "" && c.New.Text("roleArn") == "" {
		return cloud.Refuse("ValidationError: roleArn must be set with notificationTargetArn")
	}
	return nil
}

// launchHooksOf lists the hooks that hold a machine of a group before it enters service.
func launchHooksOf(s *cloud.State, group *cloud.Record) []map[string]any {
	all := cloud.Objects(group.Get("initialLifecycleHooks"))
	for _, u := range s.ReferrersOf(group.Key) {
		if u.Type == LifecycleHookType {
			all = append(all, s.OutputsOf(u))
		}
	}
	var list []map[string]any
	for _, h := range all {
		if cloud.Text(h["lifecycleTransition"]) == LaunchTransition {
			list = append(list, h)
		}
	}
	return list
}

// agentSeconds returns how long the agent works on a new machine, from the login until it completes the launch hook.
func agentSeconds() float64 {
	m := cloud.MachineModel()
	return m.Packages + m.SelfCheck + m.Register
}

// secondsToService returns how long a group's machine takes from its launch until it is in service. No software runs on emulated
// machines, so the agent is a model: it completes the launch hooks when its work is done. A group without hooks has a machine in
// service when it has booted. The error reports that no machine will ever enter service, because a hook abandons it before the agent is
// done.
func secondsToService(s *cloud.State, group *cloud.Record) (float64, error) {
	seconds := cloud.MachineModel().LaunchToLogin
	for _, h := range launchHooksOf(s, group) {
		patience := float64(cloud.Number(h["heartbeatTimeout"]))
		if patience == 0 {
			patience = 3600
		}
		need := cloud.MachineModel().LaunchToLogin + agentSeconds()
		if patience >= need {
			seconds = max(seconds, need)
			continue
		}
		if result := cloud.Text(h["defaultResult"]); result == "" || result == AbandonResult {
			return 0, fmt.Errorf("lifecycle hook %s abandons a machine after %v s, its agent needs %v s", cloud.Text(h["name"]), patience, need)
		}
		seconds = max(seconds, patience)
	}
	return seconds, nil
}
