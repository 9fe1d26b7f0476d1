package emulator

import "testing"

const open2all = `{"Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"s3:GetObject","Resource":"*"}}`

func TestBuckets(t *testing.T) {
	d := Start(t)
	for _, name := range []string{"Big", "a", "a..b", "under_score", "-a-"} {
		d.RequireCreateRefusal(BucketType, Props{"bucket": name}, "bucket: ")
	}
	d.RequireCreateRefusal(BucketType, Props{"acl": "private"}, "acl: the emulator has no rules")
	b := d.Create(BucketType, "b", Props{"bucket": "agents"})
	if b.ID != "agents" || b.Output("arn") != "arn:aws:s3:::agents" || b.Output("bucketRegionalDomainName") != "agents.s3.us-west-1.amazonaws.com" {
		t.Errorf("%s: %v, %v", b.ID, b.Output("arn"), b.Output("bucketRegionalDomainName"))
	}
	d.RequireCreateRefusal(BucketType, Props{"bucket": "agents"}, "BucketAlreadyOwnedByYou")
	d.Elsewhere(Props{"region": "us-east-2"}).RequireCreateRefusal(BucketType, Props{"bucket": "agents"}, "BucketAlreadyOwnedByYou", "us-west-1")
	d.Elsewhere(Props{"region": "us-east-2", "allowedAccountIds": []any{"210987654321"}}).RequireCreateRefusal(BucketType, Props{"bucket": "agents"}, "BucketAlreadyExists")
	if diff := b.Diff(Props{"bucket": "others"}); len(diff.GetReplaces()) != 1 || diff.GetDeleteBeforeReplace() {
		t.Errorf("replaces %v, deleting first: %v; another name leaves room for both", diff.GetReplaces(), diff.GetDeleteBeforeReplace())
	}
	auto := d.Create(BucketType, "auto", Props{})
	if len(auto.ID) != len("auto-")+7 || len(auto.Diff(Props{}).GetDetailedDiff()) > 0 {
		t.Errorf("automatic name %q changes", auto.ID)
	}
	if prefixed := d.Create(BucketType, "p", Props{"bucketPrefix": "ci-"}); prefixed.ID[:3] != "ci-" {
		t.Errorf("name %q", prefixed.ID)
	}
}

func TestBucketAspects(t *testing.T) {
	d := Start(t)
	b := d.Create(BucketType, "b", Props{})
	sse := func(p Props) Props {
		return Props{"bucket": b.ID, "rules": []any{Props{"applyServerSideEncryptionByDefault": p}}}
	}
	d.RequireCreateRefusal(BucketPublicAccessBlockType, Props{"bucket": "none"}, "NoSuchBucket", "none")
	d.RequireCreateRefusal(BucketEncryptionType, sse(Props{"sseAlgorithm": "ROT13"}), "sseAlgorithm")
	d.RequireCreateRefusal(BucketEncryptionType, sse(Props{"sseAlgorithm": "AES256", "kmsMasterKeyId": "alias/aws/s3"}), "not applicable")
	d.RequireCreateRefusal(BucketEncryptionType, Props{"bucket": b.ID, "rules": []any{}}, "want one rule")
	d.RequireCreateRefusal(BucketVersioningType, Props{"bucket": b.ID, "versioningConfiguration": Props{"status": "On"}}, "status")
	d.RequireCreateRefusal(BucketOwnershipType, Props{"bucket": b.ID, "rule": Props{"objectOwnership": "Mine"}}, "objectOwnership")
	d.RequireCreateRefusal(BucketPolicyType, Props{"bucket": b.ID, "policy": "no"}, "invalid JSON policy")
	block := d.Create(BucketPublicAccessBlockType, "a", Props{"bucket": b.ID, "blockPublicPolicy": true})
	d.RequireCreateRefusal(BucketPublicAccessBlockType, Props{"bucket": b.ID}, "has one already")
	d.RequireCreateRefusal(BucketPolicyType, Props{"bucket": b.ID, "policy": open2all}, "AccessDenied", "BlockPublicPolicy")
	block.Update(Props{"bucket": b.ID, "blockPublicPolicy": false})
	policy := d.Create(BucketPolicyType, "p", Props{"bucket": b.ID, "policy": open2all})
	block.Update(Props{"bucket": b.ID, "blockPublicPolicy": true})
	RequireRefusal(t, policy.TryUpdate(Props{"bucket": b.ID, "policy": open2all}), "AccessDenied")
	b.Delete() // with its aspects
	if list := d.Resources(); len(list) != 0 {
		t.Errorf("left: %v", list)
	}
}

func TestBucketObjects(t *testing.T) {
	d := Start(t)
	b := d.Create(BucketType, "b", Props{"forceDestroy": false})
	with := func(more Props) Props {
		p := Props{"bucket": b.ID, "key": "agent"}
		for name, v := range more {
			p[name] = v
		}
		return p
	}
	d.RequireCreateRefusal(BucketObjectType, with(Props{"content": "a", "source": TextAsset("a")}), "source and content cannot be given together")
	d.RequireCreateRefusal(BucketObjectType, with(Props{"contentBase64": "*"}), "is no base64")
	d.RequireCreateRefusal(BucketObjectType, with(Props{"bucket": "none"}), "NoSuchBucket")
	d.RequireCreateRefusal(BucketObjectType, with(Props{"storageClass": "ATTIC"}), "storageClass")
	d.RequireCreateRefusal(BucketObjectType, Props{"bucket": b.ID}, "key: exactly one of key")
	o := d.Create(BucketObjectType, "o", with(Props{"content": "hello"}))
	if o.Output("etag") != "5d41402abc4b2a76b9719d911017c592" || o.Output("versionId") != "" || o.Output("serverSideEncryption") != "AES256" {
		t.Errorf("etag %v, version %q, encryption %v", o.Output("etag"), o.Output("versionId"), o.Output("serverSideEncryption"))
	}
	d.RequireCreateRefusal(BucketObjectType, with(nil), "exists already")
	d.Create(BucketVersioningType, "v", Props{"bucket": b.ID, "versioningConfiguration": Props{"status": "Enabled"}})
	o.Update(with(Props{"source": TextAsset("elf")}))
	if o.Output("versionId") == "" {
		t.Error("an update makes no version")
	}
	if diff := o.Diff(with(Props{"source": TextAsset("fle")})).GetDetailedDiff(); diff["source"] == nil {
		t.Errorf("another file differs in %v", diff)
	}
	RequireRefusal(t, b.TryDelete(), "BucketNotEmpty: The bucket you tried to delete is not empty: "+b.ID, o.ID)
	b.Update(Props{"forceDestroy": true})
	b.Delete()
	if r := d.Read(BucketObjectType, "o", o.ID, o.Inputs); r.ID != "" {
		t.Error("the object outlives its bucket")
	}
}
