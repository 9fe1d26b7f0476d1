package kit

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The names of a group's lifecycle hooks. The agent completes both.
const (
	// LaunchHook holds a new machine until its agent reports that it is ready.
	LaunchHook = "ready"
	// TerminateHook holds a machine that goes until its agent has drained it.
	TerminateHook = "drain"
)

// The results of a terminate hook whose machine falls silent. AWS terminates the machine with either; with Continue, other hooks of the
// group still have their time.
const (
	Abandon  = "ABANDON"
	Continue = "CONTINUE"
)

// LifecycleHooks returns a group's launch and terminate hooks. They are part of the group from its creation: as resources of their own
// they would come when the first machine is already past them. The seconds are how long a machine may send no heartbeat while it starts
// and while it drains. A machine that never reports ready is abandoned, and the group launches another one. The last argument is the
// result for a machine that falls silent while it drains: Abandon or Continue.
func LifecycleHooks(readySeconds, drainSeconds int, undrained string) autoscaling.GroupInitialLifecycleHookArray {
	return autoscaling.GroupInitialLifecycleHookArray{
		newHook(LaunchHook, "autoscaling:EC2_INSTANCE_LAUNCHING", Abandon, readySeconds),
		newHook(TerminateHook, "autoscaling:EC2_INSTANCE_TERMINATING", undrained, drainSeconds),
	}
}

func newHook(name, transition, result string, seconds int) autoscaling.GroupInitialLifecycleHookArgs {
	return autoscaling.GroupInitialLifecycleHookArgs{
		Name: pulumi.String(name), LifecycleTransition: pulumi.String(transition),
		DefaultResult: pulumi.String(result), HeartbeatTimeout: pulumi.Int(seconds),
	}
}

// IgnoreHookChanges returns the option that keeps a group's hooks as they were at its creation. AWS does not return them with the group,
// so a group that a killed run created has none in the state, and any difference in them replaces the group with every machine in it. A
// new number of seconds therefore applies to new groups only.
func IgnoreHookChanges() pulumi.ResourceOption {
	return pulumi.IgnoreChanges([]string{"initialLifecycleHooks"})
}
