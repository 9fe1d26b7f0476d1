// Package artifacts is the component that makes a region's bucket and puts into it what machines fetch when they start: the node agent.
package artifacts

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ComponentType is the component's type token.
const ComponentType = "beachhead:aws:Artifacts"

// Args describes a bucket and what is in it.
type Args struct {
	// Bucket is its name, which no other bucket anywhere may have.
	Bucket string
	// Agents are the builds of the node agent.
	Agents []Agent
}

// Agent is one build of the node agent.
type Agent struct {
	// Arch names the build, such as arm64.
	Arch string
	// Key is where in the bucket it goes. It has the build's digest in it, so that another build goes to another place: machines that
	// start from an older template must find the older build until the template is replaced.
	Key string
	// Path is the file.
	Path string
}

// Artifacts is a region's bucket.
type Artifacts struct {
	pulumi.ResourceState

	// Bucket is its name, known once everything is in it.
	Bucket pulumi.StringOutput `pulumi:"bucket"`
}

// tlsOnly refuses everybody who comes without TLS.
const tlsOnly = `{"Version":"2012-10-17","Statement":[{"Sid":"TLSOnly","Effect":"Deny","Principal":"*","Action":"s3:*",` +
	`"Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`

// New makes a bucket. Seconds to ready, by the model durations: 4 (bucket 2, object 2), while the network is still under way.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Artifacts, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("artifacts %q: %w", name, err)
	}
	a := &Artifacts{}
	if err := ctx.RegisterComponentResource(ComponentType, name, a, opts...); err != nil {
		return nil, fmt.Errorf("registering artifacts %q: %w", name, err)
	}
	child := pulumi.Parent(a)
	bucket, err := s3.NewBucketV2(ctx, name, &s3.BucketV2Args{
		// There is nothing in it that a build does not make again, so it never stands in the way of taking a region down.
		Bucket: pulumi.String(args.Bucket), ForceDestroy: pulumi.Bool(true), Tags: pulumi.StringMap{"Name": pulumi.String(name)},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("artifacts %q: %w", name, err)
	}
	if err := protect(ctx, name, bucket, child); err != nil {
		return nil, fmt.Errorf("artifacts %q: %w", name, err)
	}
	there := []any{bucket.Bucket}
	for _, agent := range args.Agents {
		object, err := s3.NewBucketObjectv2(ctx, name+"-agent-"+agent.Arch, &s3.BucketObjectv2Args{
			Bucket: bucket.Bucket, Key: pulumi.String(agent.Key), Source: pulumi.NewFileAsset(agent.Path),
			ServerSideEncryption: pulumi.String("AES256"),
			// S3 gives an object that comes in parts, as one above 5 MB does, another type than one that comes whole.
			ContentType: pulumi.String("application/octet-stream"),
		}, child)
		if err != nil {
			return nil, fmt.Errorf("artifacts %q: %w", name, err)
		}
		there = append(there, object.Key)
	}
	a.Bucket = pulumi.All(there...).ApplyT(func(values []any) string { return values[0].(string) }).(pulumi.StringOutput)
	return a, ctx.RegisterResourceOutputs(a, pulumi.Map{"bucket": a.Bucket})
}

// protect keeps the bucket to its owner: nothing public, no foreign objects, encrypted, by TLS only.
func protect(ctx *pulumi.Context, name string, bucket *s3.BucketV2, child pulumi.ResourceOption) error {
	if _, err := s3.NewBucketPublicAccessBlock(ctx, name, &s3.BucketPublicAccessBlockArgs{
		Bucket: bucket.Bucket, BlockPublicAcls: pulumi.Bool(true), BlockPublicPolicy: pulumi.Bool(true),
		IgnorePublicAcls: pulumi.Bool(true), RestrictPublicBuckets: pulumi.Bool(true),
	}, child); err != nil {
		return err
	}
	if _, err := s3.NewBucketOwnershipControls(ctx, name, &s3.BucketOwnershipControlsArgs{
		Bucket: bucket.Bucket, Rule: s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, child); err != nil {
		return err
	}
	if _, err := s3.NewBucketServerSideEncryptionConfigurationV2(ctx, name, &s3.BucketServerSideEncryptionConfigurationV2Args{
		Bucket: bucket.Bucket, Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
			ApplyServerSideEncryptionByDefault: s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
				SseAlgorithm: pulumi.String("AES256"),
			},
		}},
	}, child); err != nil {
		return err
	}
	_, err := s3.NewBucketPolicy(ctx, name, &s3.BucketPolicyArgs{
		Bucket: bucket.Bucket,
		Policy: bucket.Bucket.ApplyT(func(b string) string { return fmt.Sprintf(tlsOnly, b) }).(pulumi.StringOutput),
	}, child)
	return err
}

func (a *Args) validate() error {
	switch {
	case a == nil:
		return errors.New("it needs arguments")
	case a.Bucket == "":
		return errors.New("the bucket has no name")
	case len(a.Agents) == 0:
		return errors.New("there is no agent: machines would find nothing to start")
	case slices.ContainsFunc(a.Agents, func(one Agent) bool { return one.Arch == "" || one.Key == "" || one.Path == "" }):
		return errors.New("an agent lacks its architecture, key or file")
	}
	return nil
}
