package emulator_test

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

const open2all = `{"Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"s3:GetObject","Resource":"*"}}`

func TestBuckets(t *testing.T) {
	d := emulatortest.Start(t)
	for _, name := range []string{"Big", "a", "a..b", "under_score", "-a-"} {
		d.RequireCreateRefusal(aws.BucketType, props{"bucket": name}, "bucket: ")
	}
	d.RequireCreateRefusal(aws.BucketType, props{"acl": "private"}, "acl: the emulator has no rules")
	b := d.Create(aws.BucketType, "b", props{"bucket": "agents"})
	if b.ID != "agents" || b.Output("arn") != "arn:aws:s3:::agents" ||
		b.Output("bucketRegionalDomainName") != "agents.s3.us-west-1.amazonaws.com" {
		t.Errorf("%s: %v, %v", b.ID, b.Output("arn"), b.Output("bucketRegionalDomainName"))
	}
	d.RequireCreateRefusal(aws.BucketType, props{"bucket": "agents"}, "BucketAlreadyOwnedByYou")
	d.Elsewhere(props{"region": "us-east-2"}).RequireCreateRefusal(aws.BucketType, props{"bucket": "agents"}, "BucketAlreadyOwnedByYou",
		"us-west-1")
	d.Elsewhere(props{"region": "us-east-2", "allowedAccountIds": []any{"210987654321"}}).RequireCreateRefusal(aws.BucketType,
		props{"bucket": "agents"}, "BucketAlreadyExists")
	if diff := b.Diff(props{"bucket": "others"}); len(diff.GetReplaces()) != 1 || diff.GetDeleteBeforeReplace() {
		t.Errorf("replaces %v, deleting first: %v; another name leaves room for both", diff.GetReplaces(), diff.GetDeleteBeforeReplace())
	}
	auto := d.Create(aws.BucketType, "auto", props{})
	if len(auto.ID) != len("auto-")+7 || len(auto.Diff(props{}).GetDetailedDiff()) > 0 {
		t.Errorf("automatic name %q changes", auto.ID)
	}
	if prefixed := d.Create(aws.BucketType, "p", props{"bucketPrefix": "ci-"}); prefixed.ID[:3] != "ci-" {
		t.Errorf("name %q", prefixed.ID)
	}
}

func TestBucketAspects(t *testing.T) {
	d := emulatortest.Start(t)
	b := d.Create(aws.BucketType, "b", props{})
	sse := func(p props) props {
		return props{"bucket": b.ID, "rules": []any{props{"applyServerSideEncryptionByDefault": p}}}
	}
	d.RequireCreateRefusal(aws.BucketPublicAccessBlockType, props{"bucket": "none"}, "NoSuchBucket", "none")
	d.RequireCreateRefusal(aws.BucketEncryptionType, sse(props{"sseAlgorithm": "ROT13"}), "sseAlgorithm")
	d.RequireCreateRefusal(aws.BucketEncryptionType, sse(props{"sseAlgorithm": "AES256", "kmsMasterKeyId": "alias/aws/s3"}), "not applicable")
	d.RequireCreateRefusal(aws.BucketEncryptionType, props{"bucket": b.ID, "rules": []any{}}, "want one rule")
	d.RequireCreateRefusal(aws.BucketVersioningType, props{"bucket": b.ID, "versioningConfiguration": props{"status": "On"}}, "status")
	d.RequireCreateRefusal(aws.BucketOwnershipType, props{"bucket": b.ID, "rule": props{"objectOwnership": "Mine"}}, "objectOwnership")
	d.RequireCreateRefusal(aws.BucketPolicyType, props{"bucket": b.ID, "policy": "no"}, "invalid JSON policy")
	block := d.Create(aws.BucketPublicAccessBlockType, "a", props{"bucket": b.ID, "blockPublicPolicy": true})
	d.RequireCreateRefusal(aws.BucketPublicAccessBlockType, props{"bucket": b.ID}, "already has one")
	d.RequireCreateRefusal(aws.BucketPolicyType, props{"bucket": b.ID, "policy": open2all}, "AccessDenied", "BlockPublicPolicy")
	block.Update(props{"bucket": b.ID, "blockPublicPolicy": false})
	policy := d.Create(aws.BucketPolicyType, "p", props{"bucket": b.ID, "policy": open2all})
	block.Update(props{"bucket": b.ID, "blockPublicPolicy": true})
	emulatortest.RequireRefusal(t, policy.TryUpdate(props{"bucket": b.ID, "policy": open2all}), "AccessDenied")
	b.Delete() // with its aspects
	if list := d.Resources(); len(list) != 0 {
		t.Errorf("left: %v", list)
	}
}

func TestBucketObjects(t *testing.T) {
	d := emulatortest.Start(t)
	b := d.Create(aws.BucketType, "b", props{"forceDestroy": false})
	with := func(more props) props {
		p := props{"bucket": b.ID, "key": "agent"}
		for name, v := range more {
			p[name] = v
		}
		return p
	}
	d.RequireCreateRefusal(aws.BucketObjectType, with(props{"content": "a", "source": emulatortest.TextAsset("a")}),
		"source and content cannot be set together")
	d.RequireCreateRefusal(aws.BucketObjectType, with(props{"contentBase64": "*"}), "is not base64")
	d.RequireCreateRefusal(aws.BucketObjectType, with(props{"bucket": "none"}), "NoSuchBucket")
	d.RequireCreateRefusal(aws.BucketObjectType, with(props{"storageClass": "ATTIC"}), "storageClass")
	d.RequireCreateRefusal(aws.BucketObjectType, props{"bucket": b.ID}, "key: exactly one of key")
	o := d.Create(aws.BucketObjectType, "o", with(props{"content": "hello"}))
	if o.Output("etag") != "5d41402abc4b2a76b9719d911017c592" || o.Output("versionId") != "" || o.Output("serverSideEncryption") != "AES256" {
		t.Errorf("etag %v, version %q, encryption %v", o.Output("etag"), o.Output("versionId"), o.Output("serverSideEncryption"))
	}
	d.RequireCreateRefusal(aws.BucketObjectType, with(nil), "already exists")
	d.Create(aws.BucketVersioningType, "v", props{"bucket": b.ID, "versioningConfiguration": props{"status": "Enabled"}})
	o.Update(with(props{"source": emulatortest.TextAsset("elf")}))
	if o.Output("versionId") == "" {
		t.Error("an update makes no version")
	}
	if diff := o.Diff(with(props{"source": emulatortest.TextAsset("fle")})).GetDetailedDiff(); diff["source"] == nil {
		t.Errorf("another file differs in %v", diff)
	}
	emulatortest.RequireRefusal(t, b.TryDelete(), "BucketNotEmpty: The bucket you tried to delete is not empty: "+b.ID, o.ID)
	b.Update(props{"forceDestroy": true})
	b.Delete()
	if r := d.Read(aws.BucketObjectType, "o", o.ID, o.Inputs); r.ID != "" {
		t.Error("the object outlives its bucket")
	}
}
