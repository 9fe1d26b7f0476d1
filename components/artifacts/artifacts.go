// Package artifacts is the component for a region's S3 bucket, from which machines fetch the node agent when they start.
package artifacts

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// ComponentType is the component's type token.
const ComponentType = "beachhead:aws:Artifacts"

// Args describes a bucket and its objects.
type Args struct {
	// Bucket is the bucket's name, which must be unique among all buckets of all accounts.
	Bucket string
	// Agents are the builds of the node agent.
	Agents []Agent
}

// Agent is one build of the node agent.
type Agent struct {
	// Arch names the build, such as arm64.
	Arch string
	// Key is the object's key in the bucket. It contains the build's digest, so that another build has another key: machines that start
	// from an older launch template must find the older build until the template is replaced.
	Key string
	// Path is the file on this machine.
	Path string
}

// Artifacts is a region's bucket.
type Artifacts struct {
	pulumi.ResourceState

	// Bucket is the bucket's name. It is known once all objects are in the bucket.
	Bucket pulumi.StringOutput `pulumi:"bucket"`
}

type builder struct {
	*kit.Component
	args *Args

	bucket  *s3.BucketV2
	objects []*s3.BucketObjectv2
}

// New creates a bucket with its objects. It takes 4 seconds by the model durations (bucket 2, object 2), while the network is still being
// created.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Artifacts, error) {
	a := &Artifacts{}
	component, err := kit.Register(ctx, kit.Kind{Noun: "artifacts", Token: ComponentType}, name, a, args, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{Component: component, args: args}
	if err := b.RunSteps(b.createBucket, b.blockPublicAccess, b.encryptObjects, b.requireTLS, b.uploadAgents); err != nil {
		return nil, err
	}
	ready := []any{b.bucket.Bucket}
	for _, object := range b.objects {
		ready = append(ready, object.Key)
	}
	a.Bucket = pulumi.All(ready...).ApplyT(func(values []any) string { return values[0].(string) }).(pulumi.StringOutput)
	return a, b.PublishOutputs(pulumi.Map{"bucket": a.Bucket})
}

func (b *builder) createBucket() error {
	var err error
	b.bucket, err = kit.Create(b.Component, s3.NewBucketV2, b.Name(), &s3.BucketV2Args{
		// A build can create every object again, so the objects must not keep a region from being deleted.
		Bucket: pulumi.String(b.args.Bucket), ForceDestroy: pulumi.Bool(true), Tags: kit.NameTag(b.Name()),
	})
	return err
}

// blockPublicAccess refuses public access and objects of other accounts.
func (b *builder) blockPublicAccess() error {
	if _, err := kit.Create(b.Component, s3.NewBucketPublicAccessBlock, b.Name(), &s3.BucketPublicAccessBlockArgs{
		Bucket: b.bucket.Bucket, BlockPublicAcls: pulumi.Bool(true), BlockPublicPolicy: pulumi.Bool(true),
		IgnorePublicAcls: pulumi.Bool(true), RestrictPublicBuckets: pulumi.Bool(true),
	}); err != nil {
		return err
	}
	_, err := kit.Create(b.Component, s3.NewBucketOwnershipControls, b.Name(), &s3.BucketOwnershipControlsArgs{
		Bucket: b.bucket.Bucket, Rule: s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	})
	return err
}

func (b *builder) encryptObjects() error {
	byDefault := s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{SseAlgorithm: pulumi.String("AES256")}
	args := &s3.BucketServerSideEncryptionConfigurationV2Args{
		Bucket: b.bucket.Bucket, Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{
			s3.BucketServerSideEncryptionConfigurationV2RuleArgs{ApplyServerSideEncryptionByDefault: byDefault},
		},
	}
	_, err := kit.Create(b.Component, s3.NewBucketServerSideEncryptionConfigurationV2, b.Name(), args)
	return err
}

// requireTLS refuses every request that comes without TLS.
func (b *builder) requireTLS() error {
	policy := b.bucket.Bucket.ApplyT(func(bucket string) (string, error) {
		arn := "arn:aws:s3:::" + bucket
		return kit.ResourcePolicy(kit.Statement{
			ID: "TLSOnly", Effect: kit.Deny, Principal: kit.Everybody, Actions: []string{"s3:*"}, Resources: []string{arn, arn + "/*"},
			Conditions: kit.Conditions{"Bool": {"aws:SecureTransport": "false"}},
		})
	}).(pulumi.StringOutput)
	_, err := kit.Create(b.Component, s3.NewBucketPolicy, b.Name(), &s3.BucketPolicyArgs{Bucket: b.bucket.Bucket, Policy: policy})
	return err
}

func (b *builder) uploadAgents() error {
	for _, agent := range b.args.Agents {
		object, err := kit.Create(b.Component, s3.NewBucketObjectv2, b.ChildName("agent", agent.Arch), &s3.BucketObjectv2Args{
			Bucket: b.bucket.Bucket, Key: pulumi.String(agent.Key), Source: pulumi.NewFileAsset(agent.Path),
			ServerSideEncryption: pulumi.String("AES256"),
			// S3 assigns another default type to an object that is uploaded in parts (above 5 MB) than to one that is uploaded whole.
			ContentType: pulumi.String("application/octet-stream"),
		})
		if err != nil {
			return err
		}
		b.objects = append(b.objects, object)
	}
	return nil
}

// Validate returns an error if an argument is missing.
func (a *Args) Validate() error {
	switch {
	case a == nil:
		return errors.New("arguments are missing")
	case a.Bucket == "":
		return errors.New("the bucket's name is missing")
	case len(a.Agents) == 0:
		return errors.New("no build of the node agent: machines would find no agent to start")
	}
	for i, agent := range a.Agents {
		if slices.Contains([]string{agent.Arch, agent.Key, agent.Path}, "") {
			return fmt.Errorf("agent %d: want an architecture, a key and a file; got %q, %q and %q", i, agent.Arch, agent.Key, agent.Path)
		}
	}
	return nil
}
