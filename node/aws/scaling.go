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

// The results of a life-cycle hook.
const (
	HookContinue = "CONTINUE"
	HookAbandon  = "ABANDON"
)

// LifecycleState is that of this machine, as Auto Scaling says: Pending:Wait, InService, Terminating:Wait and others. A machine that is in no
// group is an ErrNotFound.
func (c *Client) LifecycleState(ctx context.Context) (string, error) {
	self, err := c.describeSelf(ctx)
	if err != nil {
		return "", err
	}
	return aws.ToString(self.LifecycleState), nil
}

func (c *Client) describeSelf(ctx context.Context) (types.AutoScalingInstanceDetails, error) {
	var none types.AutoScalingInstanceDetails
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	me, err := c.InstanceIdentity(ctx)
	if err != nil {
		return none, err
	}
	output, err := c.autoscaling.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{me.InstanceID}})
	if err != nil {
		return none, wrapError("asking for the scaling group of "+me.InstanceID, err)
	}
	if len(output.AutoScalingInstances) == 0 {
		return none, fmt.Errorf("%s is in no scaling group: %w", me.InstanceID, ErrNotFound)
	}
	self := output.AutoScalingInstances[0]
	c.mutex.Lock()
	c.group = aws.ToString(self.AutoScalingGroupName)
	c.mutex.Unlock()
	return self, nil
}

// groupAndInstance gives the names of the machine and its group. A machine's group never changes while it is in one.
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

// hookIsOver says whether an error is about a hook that no longer waits. Auto Scaling has no code of its own for it.
func hookIsOver(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "No active Lifecycle Action found")
}

// CompleteHook ends the wait of a life-cycle hook, with the result Continue or Abandon. A hook that does not wait any more is no error.
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

// SendHeartbeat starts the time of a life-cycle hook anew. A hook that does not wait any more is no error.
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
		return wrapError(fmt.Sprintf("heartbeat for hook %s of %s", hook, group), err)
	}
	return nil
}

// isNotInService says whether an error is about a machine that is not in service yet, or not any more. Auto Scaling has no code of its own for it.
func isNotInService(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "is not in InService")
}

// SetScaleInProtection keeps the machine from being taken when its group shrinks, or allows it. Auto Scaling takes neither of a machine that is not in service,
// which is an ErrBusy.
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
	call := fmt.Sprintf("setting the protection of %s in %s to %t", instance, group, protected)
	if isNotInService(err) {
		return fmt.Errorf("%s: %w: %w", call, err, ErrBusy)
	}
	return wrapError(call, err)
}
