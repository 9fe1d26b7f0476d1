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
