package emulator

import (
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const hookType = "aws:autoscaling/lifecycleHook:LifecycleHook"

func init() {
	define(hookKind)
}

// What a hook holds a machine at.
const (
	launching   = "autoscaling:EC2_INSTANCE_LAUNCHING"
	terminating = "autoscaling:EC2_INSTANCE_TERMINATING"
)

var hookName = regexp.MustCompile(`^[A-Za-z0-9_/-]{1,255}$`)

// Names of hooks are unique within a group only, and the real provider takes the bare name for the id. Ids here carry the group's
// name, as imports do: an id means one thing.
var hookKind = &kind{
	typ:      hookType,
	missing:  "ValidationError: No Lifecycle Hook found with name %s",
	autoName: 255,
	refs: []ref{
		{path: "autoscalingGroupName", to: []string{groupType}, when: fades},
		{path: "notificationTargetArn", to: []string{topicType}},
		{path: "roleArn", to: []string{roleType}},
	},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		checkHook(l)
		return l.failures()
	},
	create: func(c *call) error {
		c.rec.ID = c.rec.str("autoscalingGroupName") + "/" + c.rec.str("name")
		if c.find(c.rec.ID, hookType) != nil {
			return refused("AlreadyExists: the lifecycle hook %s already exists", c.rec.ID) // PutLifecycleHook would overwrite it silently
		}
		c.rec.Outputs["defaultResult"] = abandon
		return c.checkGroupAlone()
	},
	update: (*call).checkGroupAlone,
}

const abandon = "ABANDON"

// checkHook holds for hooks of both kinds, those that a group is born with and those that come later.
func checkHook(l *look) {
	l.pattern("name", hookName)
	l.choice("lifecycleTransition", launching, terminating)
	l.choice("defaultResult", abandon, "CONTINUE")
	l.number("heartbeatTimeout", 30, 7200)
	if len(l.str("notificationMetadata")) > 1023 {
		l.bad("notificationMetadata", "must be at most 1023 long")
	}
}

// checkGroupAlone refuses to carry a hook over to another group: the provider would put a new one and leave the old one there.
func (c *call) checkGroupAlone() error {
	if c.old != nil && c.changed("autoscalingGroupName") {
		return refused("the emulator has no rules for moving %s to another group", c.rec.ID)
	}
	if c.rec.str("notificationTargetArn") != "" && c.rec.str("roleArn") == "" {
		return refused("ValidationError: roleArn must be given with notificationTargetArn")
	}
	return nil
}

// launchHooks lists what holds a machine of a group before it goes into service.
func (s *State) launchHooks(group *record) []map[string]any {
	all := objs(group.get("initialLifecycleHooks"))
	for _, u := range s.usersOf(group.key) {
		if u.Type == hookType {
			all = append(all, s.outputs(u))
		}
	}
	var list []map[string]any
	for _, h := range all {
		if str(h["lifecycleTransition"]) == launching {
			list = append(list, h)
		}
	}
	return list
}

// agentSeconds is what the agent needs on a new machine, from the login until it completes the launch hook.
func agentSeconds() float64 {
	m := durations().machine
	return m["packages"] + m["selfCheck"] + m["register"]
}

// maturity says how long a group's machine takes from its launch until it is in service. Nothing runs on machines here, so the
// agent is a model: it completes the launch hooks when its work is done. A group without one takes a machine when it has booted.
// The error says that no machine will ever be in service: the hook gives up on it before the agent is done.
func (s *State) maturity(group *record) (float64, error) {
	seconds := bootSeconds()
	for _, h := range s.launchHooks(group) {
		patience := float64(num(h["heartbeatTimeout"]))
		if patience == 0 {
			patience = 3600
		}
		need := bootSeconds() + agentSeconds()
		if patience >= need {
			seconds = max(seconds, need)
			continue
		}
		if result := str(h["defaultResult"]); result == "" || result == abandon {
			return 0, fmt.Errorf("lifecycle hook %s abandons a machine after %v s, its agent needs %v s", str(h["name"]), patience, need)
		}
		seconds = max(seconds, patience)
	}
	return seconds, nil
}
