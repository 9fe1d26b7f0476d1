package emulator

import "testing"

const open2all = `{"Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"s3:GetObject","Resource":"*"}}`

func TestBuckets(t *testing.T) {
	d := open(t)
	for _, name := range []string{"Big", "a", "a..b", "under_score", "-a-"} {
		d.refusesToMake(BucketType, props{"bucket": name}, "bucket: ")
	}
	d.refusesToMake(BucketType, props{"acl": "private"}, "acl: the emulator has no rules")
	b := d.make(BucketType, "b", props{"bucket": "agents"})
	if b.id != "agents" || b.out("arn") != "arn:aws:s3:::agents" || b.out("bucketRegionalDomainName") != "agents.s3.us-west-1.amazonaws.com" {
		t.Errorf("%s: %v, %v", b.id, b.out("arn"), b.out("bucketRegionalDomainName"))
	}
	d.refusesToMake(BucketType, props{"bucket": "agents"}, "BucketAlreadyOwnedByYou")
	d.elsewhere(props{"region": "us-east-2"}).refusesToMake(BucketType, props{"bucket": "agents"}, "BucketAlreadyOwnedByYou", "us-west-1")
	d.elsewhere(props{"region": "us-east-2", "allowedAccountIds": []any{"210987654321"}}).refusesToMake(BucketType, props{"bucket": "agents"}, "BucketAlreadyExists")
	if diff := b.diff(props{"bucket": "others"}); len(diff.GetReplaces()) != 1 || diff.GetDeleteBeforeReplace() {
		t.Errorf("replaces %v, deleting first: %v; another name leaves room for both", diff.GetReplaces(), diff.GetDeleteBeforeReplace())
	}
	auto := d.make(BucketType, "auto", props{})
	if len(auto.id) != len("auto-")+7 || len(auto.diff(props{}).GetDetailedDiff()) > 0 {
		t.Errorf("automatic name %q changes", auto.id)
	}
	if prefixed := d.make(BucketType, "p", props{"bucketPrefix": "ci-"}); prefixed.id[:3] != "ci-" {
		t.Errorf("name %q", prefixed.id)
	}
}

func TestBucketAspects(t *testing.T) {
	d := open(t)
	b := d.make(BucketType, "b", props{})
	sse := func(p props) props {
		return props{"bucket": b.id, "rules": []any{props{"applyServerSideEncryptionByDefault": p}}}
	}
	d.refusesToMake(BucketPublicAccessBlockType, props{"bucket": "none"}, "NoSuchBucket", "none")
	d.refusesToMake(BucketEncryptionType, sse(props{"sseAlgorithm": "ROT13"}), "sseAlgorithm")
	d.refusesToMake(BucketEncryptionType, sse(props{"sseAlgorithm": "AES256", "kmsMasterKeyId": "alias/aws/s3"}), "not applicable")
	d.refusesToMake(BucketEncryptionType, props{"bucket": b.id, "rules": []any{}}, "want one rule")
	d.refusesToMake(BucketVersioningType, props{"bucket": b.id, "versioningConfiguration": props{"status": "On"}}, "status")
	d.refusesToMake(BucketOwnershipType, props{"bucket": b.id, "rule": props{"objectOwnership": "Mine"}}, "objectOwnership")
	d.refusesToMake(BucketPolicyType, props{"bucket": b.id, "policy": "no"}, "invalid JSON policy")
	block := d.make(BucketPublicAccessBlockType, "a", props{"bucket": b.id, "blockPublicPolicy": true})
	d.refusesToMake(BucketPublicAccessBlockType, props{"bucket": b.id}, "has one already")
	d.refusesToMake(BucketPolicyType, props{"bucket": b.id, "policy": open2all}, "AccessDenied", "BlockPublicPolicy")
	block.update(props{"bucket": b.id, "blockPublicPolicy": false})
	policy := d.make(BucketPolicyType, "p", props{"bucket": b.id, "policy": open2all})
	block.update(props{"bucket": b.id, "blockPublicPolicy": true})
	refuses(t, policy.tryUpdate(props{"bucket": b.id, "policy": open2all}), "AccessDenied")
	b.delete() // with its aspects
	if list := d.resources(); len(list) != 0 {
		t.Errorf("left: %v", list)
	}
}

func TestBucketObjects(t *testing.T) {
	d := open(t)
	b := d.make(BucketType, "b", props{"forceDestroy": false})
	with := func(more props) props {
		p := props{"bucket": b.id, "key": "agent"}
		for name, v := range more {
			p[name] = v
		}
		return p
	}
	d.refusesToMake(BucketObjectType, with(props{"content": "a", "source": asset("a")}), "source and content cannot be given together")
	d.refusesToMake(BucketObjectType, with(props{"contentBase64": "*"}), "is no base64")
	d.refusesToMake(BucketObjectType, with(props{"bucket": "none"}), "NoSuchBucket")
	d.refusesToMake(BucketObjectType, with(props{"storageClass": "ATTIC"}), "storageClass")
	d.refusesToMake(BucketObjectType, props{"bucket": b.id}, "key: exactly one of key")
	o := d.make(BucketObjectType, "o", with(props{"content": "hello"}))
	if o.out("etag") != "5d41402abc4b2a76b9719d911017c592" || o.out("versionId") != "" || o.out("serverSideEncryption") != "AES256" {
		t.Errorf("etag %v, version %q, encryption %v", o.out("etag"), o.out("versionId"), o.out("serverSideEncryption"))
	}
	d.refusesToMake(BucketObjectType, with(nil), "exists already")
	d.make(BucketVersioningType, "v", props{"bucket": b.id, "versioningConfiguration": props{"status": "Enabled"}})
	o.update(with(props{"source": asset("elf")}))
	if o.out("versionId") == "" {
		t.Error("an update makes no version")
	}
	if diff := o.diff(with(props{"source": asset("fle")})).GetDetailedDiff(); diff["source"] == nil {
		t.Errorf("another file differs in %v", diff)
	}
	refuses(t, b.tryDelete(), "BucketNotEmpty: The bucket you tried to delete is not empty: "+b.id, o.id)
	b.update(props{"forceDestroy": true})
	b.delete()
	if r := d.read(BucketObjectType, "o", o.id, o.inputs); r.id != "" {
		t.Error("the object outlives its bucket")
	}
}
