package artifacts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/artifacts"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

// args is a valid bucket; tests edit it.
func args(t *testing.T, edit func(*artifacts.Args)) *artifacts.Args {
	t.Helper()
	file := filepath.Join(t.TempDir(), "agent")
	if err := os.WriteFile(file, []byte("agent"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &artifacts.Args{Bucket: "beachhead-us-west-1", Agents: []artifacts.Agent{
		{Arch: "arm64", Key: "agent/0a/arm64", Path: file}, {Arch: "x86_64", Key: "agent/0b/x86_64", Path: file},
	}}
	if edit != nil {
		edit(a)
	}
	return a
}

func record(t *testing.T) recorder.Recording {
	t.Helper()
	return recorder.Record(t, func(ctx *pulumi.Context) error {
		_, err := artifacts.New(ctx, "artifacts", args(t, nil))
		return err
	})
}

func TestBucketIsItsOwnersAlone(t *testing.T) {
	recorded := record(t)
	block := recorded.Named(t, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "artifacts").Inputs
	for _, what := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
		if !block[resource.PropertyKey(what)].BoolValue() {
			t.Errorf("%s is off", what)
		}
	}
	owner := recorded.Named(t, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", "artifacts").Inputs
	if got := owner["rule"].ObjectValue()["objectOwnership"].StringValue(); got != "BucketOwnerEnforced" {
		t.Errorf("objects belong to %s", got)
	}
	recorded.Named(t, "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", "artifacts")
	policy := recorded.Named(t, "aws:s3/bucketPolicy:BucketPolicy", "artifacts").Inputs["policy"].StringValue()
	if !strings.Contains(policy, `"Effect":"Deny"`) || !strings.Contains(policy, `"aws:SecureTransport":"false"`) ||
		strings.Contains(policy, "Allow") {
		t.Errorf("policy %s; want one that refuses who comes without TLS and allows nothing", policy)
	}
}

func TestEachArchitectureHasItsAgent(t *testing.T) {
	recorded := record(t)
	for arch, key := range map[string]string{"arm64": "agent/0a/arm64", "x86_64": "agent/0b/x86_64"} {
		object := recorded.Named(t, "aws:s3/bucketObjectv2:BucketObjectv2", "artifacts-agent-"+arch).Inputs
		if object["key"].StringValue() != key || !object["source"].IsAsset() || object["serverSideEncryption"].StringValue() != "AES256" ||
			object["contentType"].StringValue() != "application/octet-stream" {
			t.Errorf("%s: %v", arch, object)
		}
	}
}

func TestRefusals(t *testing.T) {
	cases := map[string]func(*artifacts.Args){
		"the bucket's name is missing":            func(a *artifacts.Args) { a.Bucket = "" },
		"no build of the node agent":              func(a *artifacts.Args) { a.Agents = nil },
		"agent 1: want an architecture":           func(a *artifacts.Args) { a.Agents[1].Arch = "" },
		`agent 0: want an architecture, a key an`: func(a *artifacts.Args) { a.Agents[0].Path = "" },
		`got "arm64", "" and`:                     func(a *artifacts.Args) { a.Agents[0].Key = "" },
	}
	for want, edit := range cases {
		if _, err := artifacts.New(nil, "artifacts", args(t, edit)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a refusal with %q", err, want)
		}
	}
}

func TestEveryRefusalReachesTheCaller(t *testing.T) {
	given := args(t, nil)
	recorder.FailEach(t, func(ctx *pulumi.Context) error {
		_, err := artifacts.New(ctx, "artifacts", given)
		return err
	})
}

// Objects and every other part are in the bucket that the arguments name, each object at its key and from its file.
func TestObjectsAreInTheBucket(t *testing.T) {
	given := args(t, nil)
	recorded := recorder.Record(t, func(ctx *pulumi.Context) error {
		_, err := artifacts.New(ctx, "artifacts", given)
		return err
	})
	if got := recorded.Named(t, "aws:s3/bucketV2:BucketV2", "artifacts").Inputs["bucket"].StringValue(); got != given.Bucket {
		t.Errorf("the bucket's name is %q, want %q", got, given.Bucket)
	}
	parts := 0
	for _, r := range recorded {
		if bucket := r.Inputs["bucket"]; bucket.IsString() {
			parts++
			if bucket.StringValue() != given.Bucket {
				t.Errorf("%s %s is in bucket %q, want %q", r.Type, r.Name, bucket.StringValue(), given.Bucket)
			}
		}
	}
	if parts != 5+len(given.Agents) {
		t.Errorf("%d resources have a bucket, want the bucket, its four settings and %d objects", parts, len(given.Agents))
	}
	for _, agent := range given.Agents {
		object := recorded.Named(t, "aws:s3/bucketObjectv2:BucketObjectv2", "artifacts-agent-"+agent.Arch).Inputs
		if object["key"].StringValue() != agent.Key || object["source"].AssetValue().Path != agent.Path {
			t.Errorf("%s is at %v from %v, want %s from %s", agent.Arch, object["key"], object["source"], agent.Key, agent.Path)
		}
	}
}

// The output is the bucket's name, not an object's key: every machine reads it.
func TestBucketIsTheOutput(t *testing.T) {
	got := make(chan string, 1)
	given := args(t, nil)
	if err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		a, err := artifacts.New(ctx, "artifacts", given)
		if err != nil {
			return err
		}
		a.Bucket.ApplyT(func(bucket string) error {
			got <- bucket
			return nil
		})
		return nil
	}, pulumi.WithMocks("beachhead", "test", echo{})); err != nil {
		t.Fatal(err)
	}
	close(got)
	if bucket := <-got; bucket != given.Bucket {
		t.Errorf("the output is %q, want %q", bucket, given.Bucket)
	}
}

// echo answers every registration with its inputs.
type echo struct{}

func (echo) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return a.Name + "-id", a.Inputs, nil
}

func (echo) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

// The bucket never keeps a region from being deleted: its objects are deleted with it.
func TestBucketIsDeletedWithItsObjects(t *testing.T) {
	bucket := record(t).Named(t, "aws:s3/bucketV2:BucketV2", "artifacts").Inputs
	if !bucket["forceDestroy"].IsBool() || !bucket["forceDestroy"].BoolValue() {
		t.Errorf("forceDestroy is %v", bucket["forceDestroy"])
	}
}
