package cache

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dlm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// managerTrust is the policy by which Data Lifecycle Manager gets the role.
const managerTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
	`"Principal":{"Service":"dlm.amazonaws.com"}}]}`

// makeSnapshots has the data volumes copied once a day, and each copy copied on to the regions that seed from this one. It finds the
// volumes by tag, so a new shard is part of it without a change.
func (b *builder) makeSnapshots() error {
	name := b.child("snapshots")
	when := b.args.Snapshots
	policy, err := snapshotPolicy(b.args.Region, b.args.Account, b.args.Stack, when.CopyTo)
	if err != nil {
		return err
	}
	role, _, err := b.makeRole(name, "Snapshots of cache volumes", managerTrust, pulumi.String(policy))
	if err != nil {
		return err
	}
	var copies dlm.LifecyclePolicyPolicyDetailsScheduleCrossRegionCopyRuleArray
	for _, target := range when.CopyTo {
		copies = append(copies, dlm.LifecyclePolicyPolicyDetailsScheduleCrossRegionCopyRuleArgs{
			Target: pulumi.String(target), Encrypted: pulumi.Bool(true), CopyTags: pulumi.Bool(true),
			// Copies can be kept by age only.
			RetainRule: dlm.LifecyclePolicyPolicyDetailsScheduleCrossRegionCopyRuleRetainRuleArgs{
				Interval: pulumi.Int(when.KeepDays), IntervalUnit: pulumi.String("DAYS"),
			},
		})
	}
	// The role's policy is not waited for: it is needed at the first snapshot, hours from now.
	_, err = dlm.NewLifecyclePolicy(b.ctx, name, &dlm.LifecyclePolicyArgs{
		Description: pulumi.String("Daily snapshots of cache volumes"), ExecutionRoleArn: role.Arn, State: pulumi.String("ENABLED"),
		PolicyDetails: dlm.LifecyclePolicyPolicyDetailsArgs{
			ResourceTypes: pulumi.ToStringArray([]string{"VOLUME"}),
			// One tag only: Data Lifecycle Manager takes volumes with any of several, not with all.
			TargetTags: pulumi.StringMap{CacheTag: pulumi.String(b.args.Stack)},
			Schedules: dlm.LifecyclePolicyPolicyDetailsScheduleArray{dlm.LifecyclePolicyPolicyDetailsScheduleArgs{
				Name: pulumi.String("daily"),
				CreateRule: dlm.LifecyclePolicyPolicyDetailsScheduleCreateRuleArgs{
					Interval: pulumi.Int(24), IntervalUnit: pulumi.String("HOURS"), Times: pulumi.String(when.At),
				},
				// By count and not by age: when no snapshot has succeeded for days, the last ones are what there is, and age would delete them.
				RetainRule: dlm.LifecyclePolicyPolicyDetailsScheduleRetainRuleArgs{Count: pulumi.Int(when.KeepDays)},
				// The tags say of which shard a snapshot is, here and where it is copied to: regions that seed from this one look for them.
				CopyTags:             pulumi.Bool(true),
				CrossRegionCopyRules: copies,
			}},
		},
		Tags: tag(name),
	}, b.opts...)
	return err
}
