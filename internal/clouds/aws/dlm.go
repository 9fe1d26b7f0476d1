package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dlm"

	"github.com/beachhead-build/beachhead/internal/restype"
)

// findSnapshotPolicies finds the policies by which Data Lifecycle Manager takes snapshots of the stack's volumes.
func (s *serviceSearch) findSnapshotPolicies(ctx context.Context) error {
	answer, err := dlm.NewFromConfig(s.cfg).GetLifecyclePolicies(ctx, &dlm.GetLifecyclePoliciesInput{})
	if err != nil {
		return err
	}
	for _, policy := range answer.Policies {
		s.addIfOwned(restype.SnapshotPolicy, aws.ToString(policy.PolicyId), policy.Tags)
	}
	return nil
}
