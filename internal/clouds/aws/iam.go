package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// findRoles queries the tags of each role under our path, since IAM's list has none. There are a few for each region of the account.
func (s *serviceSearch) findRoles(ctx context.Context) error {
	client := iam.NewFromConfig(s.cfg)
	var names []string
	if err := forEachPage(ctx, iam.NewListRolesPaginator(client, &iam.ListRolesInput{PathPrefix: aws.String(inventory.OwnPath)}),
		func(page *iam.ListRolesOutput) {
			for _, role := range page.Roles {
				names = append(names, aws.ToString(role.RoleName))
			}
		}); err != nil {
		return err
	}
	for _, name := range names {
		// ListRoleTags would be a further permission. Every run needs GetRole anyway, since the provider reads roles with it.
		answer, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		s.addIfOwned(restype.Role, name, tagMap(answer.Role.Tags, iamTag))
	}
	return nil
}

// findInstanceProfiles queries the tags of each instance profile under our path, as findRoles does.
func (s *serviceSearch) findInstanceProfiles(ctx context.Context) error {
	client := iam.NewFromConfig(s.cfg)
	var names []string
	in := &iam.ListInstanceProfilesInput{PathPrefix: aws.String(inventory.OwnPath)}
	if err := forEachPage(ctx, iam.NewListInstanceProfilesPaginator(client, in),
		func(page *iam.ListInstanceProfilesOutput) {
			for _, profile := range page.InstanceProfiles {
				names = append(names, aws.ToString(profile.InstanceProfileName))
			}
		}); err != nil {
		return err
	}
	for _, name := range names {
		answer, err := client.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		s.addIfOwned(restype.InstanceProfile, name, tagMap(answer.InstanceProfile.Tags, iamTag))
	}
	return nil
}

func iamTag(t types.Tag) (key, value *string) { return t.Key, t.Value }
