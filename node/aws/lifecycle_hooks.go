package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/smithy-go"
)

// The results with which CompleteHook completes a lifecycle hook.
const (
	HookContinue = "CONTINUE"
	HookAbandon  = "ABANDON"
)

// LifecycleState returns the machine's state in its Auto Scaling group: Pending:Wait, InService, Terminating:Wait and
// others. It returns ErrNotFound when the machine belongs to no group.
func (c *Client) LifecycleState(ctx context.Context) (string, error) {
	self, err := c.describeSelf(ctx)
	if err != nil {
		return "", err
	}
	return aws.ToString(self.LifecycleState), nil
}

// describeSelf returns Auto Scaling's description of this machine and caches the name of its group.
func (c *Client) describeSelf(ctx context.Context) (types.AutoScalingInstanceDetails, error) {
	var none types.AutoScalingInstanceDetails
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	me, err := c.InstanceIdentity(ctx)
	if err != nil {
		return none, err
	}
	output, err := c.autoscaling.DescribeAutoScalingInstances(ctx,
		&autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{me.InstanceID}})
	if err != nil {
		return none, wrapError("querying the Auto Scaling group of "+me.InstanceID, err)
	}
	if len(output.AutoScalingInstances) == 0 {
		return none, fmt.Errorf("%s belongs to no Auto Scaling group: %w", me.InstanceID, ErrNotFound)
	}
	self := output.AutoScalingInstances[0]
	c.mutex.Lock()
	c.group = aws.ToString(self.AutoScalingGroupName)
	c.mutex.Unlock()
	return self, nil
}

// groupAndInstance returns the name of the machine's group and the id of the machine. A machine never changes its
// group.
func (c *Client) groupAndInstance(ctx context.Context) (group, instance string, err error) {
	me, err := c.InstanceIdentity(ctx)
	if err != nil {
		return "", "", err
	}
	c.mutex.Lock()
	group = c.group
	c.mutex.Unlock()
	if group != "" {
		return group, me.InstanceID, nil
	}
	self, err := c.describeSelf(ctx)
	return aws.ToString(self.AutoScalingGroupName), me.InstanceID, err
}

// hookIsOver reports whether an error means that the hook no longer waits. Auto Scaling has no error code of its own
// for this.
func hookIsOver(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(),
		"No active Lifecycle Action found")
}

// CompleteHook completes a lifecycle hook with the result HookContinue or HookAbandon. It returns nil when the hook no
// longer waits.
func (c *Client) CompleteHook(ctx context.Context, hook, result string) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	group, instance, err := c.groupAndInstance(ctx)
	if err != nil {
		return err
	}
	_, err = c.autoscaling.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &group, InstanceId: &instance, LifecycleHookName: &hook, LifecycleActionResult: &result,
	})
	if err != nil && !hookIsOver(err) {
		return wrapError(fmt.Sprintf("completing hook %s of %s with %s", hook, group, result), err)
	}
	return nil
}

// SendHeartbeat restarts the timeout of a lifecycle hook. It returns nil when the hook no longer waits.
func (c *Client) SendHeartbeat(ctx context.Context, hook string) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	group, instance, err := c.groupAndInstance(ctx)
	if err != nil {
		return err
	}
	_, err = c.autoscaling.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: &group, InstanceId: &instance, LifecycleHookName: &hook,
	})
	if err != nil && !hookIsOver(err) {
		return wrapError(fmt.Sprintf("sending a heartbeat for hook %s of %s", hook, group), err)
	}
	return nil
}

// isNotInService reports whether an error means that the machine is not in service yet or any more. Auto Scaling has no
// error code of its own for this.
func isNotInService(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "is not in InService")
}

// SetScaleInProtection protects the machine from scale-in, or removes the protection. It returns ErrBusy while the
// machine is not in service, because Auto Scaling accepts neither then.
func (c *Client) SetScaleInProtection(ctx context.Context, protected bool) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	group, instance, err := c.groupAndInstance(ctx)
	if err != nil {
		return err
	}
	_, err = c.autoscaling.SetInstanceProtection(ctx, &autoscaling.SetInstanceProtectionInput{
		AutoScalingGroupName: &group, InstanceIds: []string{instance}, ProtectedFromScaleIn: &protected,
	})
	if err == nil {
		return nil
	}
	call := fmt.Sprintf("setting the scale-in protection of %s in %s to %t", instance, group, protected)
	if isNotInService(err) {
		return fmt.Errorf("%s: %w: %w", call, err, ErrBusy)
	}
	return wrapError(call, err)
}
