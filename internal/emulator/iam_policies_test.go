package emulator

import (
	"strings"
	"testing"
)

func TestPolicies(t *testing.T) {
	d := open(t)
	d.refusesToMake(PolicyType, props{"policy": "{"}, "invalid JSON policy")
	d.refusesToMake(PolicyType, props{"policy": anything, "name": "a b"}, "letters, digits")
	d.refusesToMake(PolicyType, props{"policy": `{"Statement":[{"Sid":"` + strings.Repeat("x", 6144) + `"}]}`}, "Cannot exceed quota for PolicySize")
	p := d.make(PolicyType, "p", props{"policy": anything, "name": "cache", "path": "/ci/"})
	if p.id != "arn:aws:iam::123456789012:policy/ci/cache" || p.out("arn") != p.id {
		t.Errorf("%s, %v", p.id, p.out("arn"))
	}
	d.refusesToMake(PolicyType, props{"policy": anything, "name": "cache"}, "EntityAlreadyExists: A policy called cache")
	role := d.make(RoleType, "role", props{"assumeRolePolicy": trust})
	with := func(arn string) props { return props{"role": role.id, "policyArn": arn} }
	d.refusesToMake(RolePolicyAttachmentType, with("arn:aws:iam::123456789012:policy/none"), "NoSuchEntity: Policy arn:aws:iam::123456789012:policy/none")
	d.refusesToMake(RolePolicyAttachmentType, with("arn:aws:iam::aws:policy/NoSuchPolicy"), "not among those of AWS")
	d.refusesToMake(RolePolicyAttachmentType, props{"role": "none", "policyArn": p.id}, "The role with name none cannot be found")
	own, managed := d.make(RolePolicyAttachmentType, "own", with(p.id)), d.make(RolePolicyAttachmentType, "aws", with("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"))
	d.refusesToMake(RolePolicyAttachmentType, with(p.id), "is attached to "+role.id+" already")
	refuses(t, p.tryDelete(), "DeleteConflict: Cannot delete a policy attached to entities", own.id)
	refuses(t, role.tryDelete(), "DeleteConflict", own.id, managed.id)
	if again := d.read(PolicyType, "p", p.id, p.inputs); again.out("attachmentCount") != 1.0 {
		t.Errorf("attached %v times", again.out("attachmentCount"))
	}
	own.delete()
	managed.delete()
	p.delete()
	role.delete()
}

func TestKeys(t *testing.T) {
	d := open(t)
	d.refusesToMake(KMSKeyType, props{"deletionWindowInDays": 6}, "must be between 7 and 30")
	d.refusesToMake(KMSKeyType, props{"keyUsage": "SIGN_VERIFY"}, "ENCRYPT_DECRYPT only")
	d.refusesToMake(KMSKeyType, props{"policy": "{"}, "invalid JSON policy")
	key := d.make(KMSKeyType, "k", props{"enableKeyRotation": true})
	if key.out("keyId") != key.id || key.out("arn") != "arn:aws:kms:us-west-1:123456789012:key/"+key.id || key.out("rotationPeriodInDays") != 365.0 {
		t.Errorf("%s: %v, rotated after %v days", key.id, key.out("arn"), key.out("rotationPeriodInDays"))
	}
	d.refusesToMake(KMSAliasType, props{"name": "cache", "targetKeyId": key.id}, "name: ")
	d.refusesToMake(KMSAliasType, props{"name": "alias/aws/cache", "targetKeyId": key.id}, "reserved for AWS")
	alias := d.make(KMSAliasType, "a", props{"name": "alias/cache", "targetKeyId": key.id})
	d.refusesToMake(KMSAliasType, props{"name": "alias/cache", "targetKeyId": key.id}, "AlreadyExistsException")
	if alias.out("targetKeyArn") != key.out("arn") || alias.out("arn") != "arn:aws:kms:us-west-1:123456789012:alias/cache" {
		t.Errorf("%v is %v", alias.out("arn"), alias.out("targetKeyArn"))
	}
	d.make(VolumeType, "v", gp3(props{"encrypted": true, "kmsKeyId": alias.out("arn")}))
	key.delete() // what it encrypts stays, its aliases go
	if r := d.read(KMSAliasType, "a", alias.id, alias.inputs); r.id != "" {
		t.Error("the alias outlives its key")
	}
}
