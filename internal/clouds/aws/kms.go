package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// findKeys queries the tags of each key, and the state of the stack's keys: KMS lists a deleted key for weeks, with its tags.
func (s *serviceSearch) findKeys(ctx context.Context) error {
	client := kms.NewFromConfig(s.cfg)
	var ids []string
	if err := forEachPage(ctx, kms.NewListKeysPaginator(client, &kms.ListKeysInput{}), func(page *kms.ListKeysOutput) {
		for _, key := range page.Keys {
			ids = append(ids, aws.ToString(key.KeyId))
		}
	}); err != nil {
		return err
	}
	for _, id := range ids {
		tags, err := keyTags(ctx, client, id)
		if err != nil {
			return err
		}
		key, owned := inventory.FromTags(s.stack, restype.KMSKey, id, tags)
		if !owned {
			continue
		}
		answer, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(id)})
		if err != nil {
			return err
		}
		if answer.KeyMetadata.DeletionDate == nil {
			s.add(key)
		}
	}
	return nil
}

// keyTags returns the tags of a key. It returns none for a key that its own policy hides from the account: the policy of our keys leaves
// access to the account.
func keyTags(ctx context.Context, client *kms.Client, id string) (map[string]string, error) {
	var all []types.Tag
	err := forEachPage(ctx, kms.NewListResourceTagsPaginator(client, &kms.ListResourceTagsInput{KeyId: aws.String(id)}),
		func(page *kms.ListResourceTagsOutput) { all = append(all, page.Tags...) })
	if isNotFound(err) || isDeniedByResource(err) {
		return nil, nil
	}
	return tagMap(all, func(t types.Tag) (key, value *string) { return t.TagKey, t.TagValue }), err
}
