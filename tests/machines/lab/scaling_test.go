//go:build machines

package lab

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
)

func TestScaling(t *testing.T) {
	l, m, config := newInstanceClient(t)
	client := autoscaling.NewFromConfig(config)
	state := func() string {
		out, err := client.DescribeAutoScalingInstances(t.Context(), &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{m.ID}})
		if err != nil || len(out.AutoScalingInstances) != 1 || *out.AutoScalingInstances[0].AutoScalingGroupName != "containers" {
			t.Fatalf("%v, %+v", err, out)
		}
		return *out.AutoScalingInstances[0].LifecycleState
	}
	complete := func(hook string) error {
		_, err := client.CompleteLifecycleAction(t.Context(), &autoscaling.CompleteLifecycleActionInput{
			AutoScalingGroupName: aws.String("containers"), InstanceId: &m.ID, LifecycleHookName: &hook,
			LifecycleActionResult: aws.String("CONTINUE"),
		})
		return err
	}
	if got := state(); got != PendingWait {
		t.Errorf("at first %s", got)
	}
	if err := complete("drain"); errorCodeOf(err) != "ValidationError" {
		t.Errorf("a hook that does not wait: %v", err)
	}
	_, err := client.RecordLifecycleActionHeartbeat(t.Context(), &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: aws.String("containers"), InstanceId: &m.ID, LifecycleHookName: aws.String("ready"),
	})
	if err != nil || l.Scaling.HeartbeatCount(m, "ready") != 1 {
		t.Errorf("heartbeat: %v", err)
	}
	if err := complete("ready"); err != nil || state() != InService {
		t.Errorf("ready: %v, %s", err, state())
	}
	_, err = client.SetInstanceProtection(t.Context(), &autoscaling.SetInstanceProtectionInput{
		AutoScalingGroupName: aws.String("containers"), InstanceIds: []string{m.ID}, ProtectedFromScaleIn: aws.Bool(true),
	})
	if err != nil || !l.Scaling.IsProtected(m) {
		t.Errorf("protection: %v", err)
	}
	l.Scaling.StartTermination(m)
	if got := state(); got != TerminatingWait {
		t.Errorf("ordered to go: %s", got)
	}
}
