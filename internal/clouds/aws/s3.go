package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// findBuckets queries the tags of the buckets with names as the plan assigns them: the policies of other buckets may deny the query.
func (s *serviceSearch) findBuckets(ctx context.Context) error {
	client := s3.NewFromConfig(s.cfg)
	var names []*string
	if err := forEachPage(ctx, s3.NewListBucketsPaginator(client, &s3.ListBucketsInput{
		Prefix: aws.String(inventory.BucketPrefix(s.stack)), BucketRegion: aws.String(s.cfg.Region),
	}), func(page *s3.ListBucketsOutput) {
		for _, bucket := range page.Buckets {
			names = append(names, bucket.Name)
		}
	}); err != nil {
		return err
	}
	for _, name := range names {
		answer, err := client.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: name})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		tags := tagMap(answer.TagSet, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
		s.addIfOwned(restype.Bucket, aws.ToString(name), tags)
	}
	return nil
}
