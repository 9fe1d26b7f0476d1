package cache

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dlm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// createSnapshotPolicy creates the lifecycle policy that takes a snapshot of each data volume once a day and copies it to the regions
// that seed from this one. It finds the volumes by tag, so it includes a new shard without a change.
func (b *builder) createSnapshotPolicy() error {
	name := b.ChildName("snapshots")
	schedule := b.args.Snapshots
	policy, err := allowSnapshots(b.args.Region, b.args.Account, b.args.Stack, schedule.CopyTo)
	if err != nil {
		return err
	}
	role, _, err := b.CreateRole(name, kit.Role{
		Description: "Snapshots of cache volumes", Service: kit.LifecycleManagerService, PolicyName: "allow", Policy: pulumi.String(policy),
	})
	if err != nil {
		return err
	}
	// The lifecycle policy does not wait for the role's policy, which it needs for its first snapshot, hours later.
	_, err = kit.Create(b.Component, dlm.NewLifecyclePolicy, name, &dlm.LifecyclePolicyArgs{
		Description: pulumi.String("Daily snapshots of cache volumes"), ExecutionRoleArn: role.Arn, State: pulumi.String("ENABLED"),
		PolicyDetails: dlm.LifecyclePolicyPolicyDetailsArgs{
			ResourceTypes: pulumi.ToStringArray([]string{"VOLUME"}),
			// One tag only: Data Lifecycle Manager includes volumes that have any of several tags, not all of them.
			TargetTags: pulumi.StringMap{CacheTag: pulumi.String(b.args.Stack)},
			Schedules:  dlm.LifecyclePolicyPolicyDetailsScheduleArray{schedule.runDaily()},
		},
		Tags: kit.NameTag(name),
	})
	return err
}

// runDaily returns the schedule with its copies to other regions.
func (s Snapshots) runDaily() dlm.LifecyclePolicyPolicyDetailsScheduleArgs {
	return dlm.LifecyclePolicyPolicyDetailsScheduleArgs{
		Name: pulumi.String("daily"),
		CreateRule: dlm.LifecyclePolicyPolicyDetailsScheduleCreateRuleArgs{
			Interval: pulumi.Int(24), IntervalUnit: pulumi.String("HOURS"), Times: pulumi.String(s.At),
		},
		// By count and not by age: when no snapshot has succeeded for days, the last ones are all there is, and age would delete them.
		RetainRule: dlm.LifecyclePolicyPolicyDetailsScheduleRetainRuleArgs{Count: pulumi.Int(s.KeepDays)},
		// The tags name a snapshot's shard, here and in the regions of the copies: regions that seed from this one search by them.
		CopyTags:             pulumi.Bool(true),
		CrossRegionCopyRules: s.copyRules(),
	}
}

func (s Snapshots) copyRules() dlm.LifecyclePolicyPolicyDetailsScheduleCrossRegionCopyRuleArray {
	var rules dlm.LifecyclePolicyPolicyDetailsScheduleCrossRegionCopyRuleArray
	for _, target := range s.CopyTo {
		rules = append(rules, dlm.LifecyclePolicyPolicyDetailsScheduleCrossRegionCopyRuleArgs{
			Target: pulumi.String(target), Encrypted: pulumi.Bool(true), CopyTags: pulumi.Bool(true),
			// Data Lifecycle Manager retains copies by age only.
			RetainRule: dlm.LifecyclePolicyPolicyDetailsScheduleCrossRegionCopyRuleRetainRuleArgs{
				Interval: pulumi.Int(s.KeepDays), IntervalUnit: pulumi.String("DAYS"),
			},
		})
	}
	return rules
}
