package emulator

import (
	"strings"
	"testing"
)

func TestPolicies(t *testing.T) {
	d := Start(t)
	d.RequireCreateRefusal(PolicyType, Props{"policy": "{"}, "invalid JSON policy")
	d.RequireCreateRefusal(PolicyType, Props{"policy": anything, "name": "a b"}, "letters, digits")
	d.RequireCreateRefusal(PolicyType, Props{"policy": `{"Statement":[{"Sid":"` + strings.Repeat("x", 6144) + `"}]}`}, "Cannot exceed quota for PolicySize")
	p := d.Create(PolicyType, "p", Props{"policy": anything, "name": "cache", "path": "/ci/"})
	if p.ID != "arn:aws:iam::123456789012:policy/ci/cache" || p.Output("arn") != p.ID {
		t.Errorf("%s, %v", p.ID, p.Output("arn"))
	}
	d.RequireCreateRefusal(PolicyType, Props{"policy": anything, "name": "cache"}, "EntityAlreadyExists: A policy called cache")
	role := d.Create(RoleType, "role", Props{"assumeRolePolicy": TrustPolicy})
	with := func(arn string) Props { return Props{"role": role.ID, "policyArn": arn} }
	d.RequireCreateRefusal(RolePolicyAttachmentType, with("arn:aws:iam::123456789012:policy/none"), "NoSuchEntity: Policy arn:aws:iam::123456789012:policy/none")
	d.RequireCreateRefusal(RolePolicyAttachmentType, with("arn:aws:iam::aws:policy/NoSuchPolicy"), "not among those of AWS")
	d.RequireCreateRefusal(RolePolicyAttachmentType, Props{"role": "none", "policyArn": p.ID}, "The role with name none cannot be found")
	own, managed := d.Create(RolePolicyAttachmentType, "own", with(p.ID)), d.Create(RolePolicyAttachmentType, "aws", with("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"))
	d.RequireCreateRefusal(RolePolicyAttachmentType, with(p.ID), "is attached to "+role.ID+" already")
	RequireRefusal(t, p.TryDelete(), "DeleteConflict: Cannot delete a policy attached to entities", own.ID)
	RequireRefusal(t, role.TryDelete(), "DeleteConflict", own.ID, managed.ID)
	if again := d.Read(PolicyType, "p", p.ID, p.Inputs); again.Output("attachmentCount") != 1.0 {
		t.Errorf("attached %v times", again.Output("attachmentCount"))
	}
	own.Delete()
	managed.Delete()
	p.Delete()
	role.Delete()
}

func TestKeys(t *testing.T) {
	d := Start(t)
	d.RequireCreateRefusal(KMSKeyType, Props{"deletionWindowInDays": 6}, "must be between 7 and 30")
	d.RequireCreateRefusal(KMSKeyType, Props{"keyUsage": "SIGN_VERIFY"}, "ENCRYPT_DECRYPT only")
	d.RequireCreateRefusal(KMSKeyType, Props{"policy": "{"}, "invalid JSON policy")
	key := d.Create(KMSKeyType, "k", Props{"enableKeyRotation": true})
	if key.Output("keyId") != key.ID || key.Output("arn") != "arn:aws:kms:us-west-1:123456789012:key/"+key.ID || key.Output("rotationPeriodInDays") != 365.0 {
		t.Errorf("%s: %v, rotated after %v days", key.ID, key.Output("arn"), key.Output("rotationPeriodInDays"))
	}
	d.RequireCreateRefusal(KMSAliasType, Props{"name": "cache", "targetKeyId": key.ID}, "name: ")
	d.RequireCreateRefusal(KMSAliasType, Props{"name": "alias/aws/cache", "targetKeyId": key.ID}, "reserved for AWS")
	alias := d.Create(KMSAliasType, "a", Props{"name": "alias/cache", "targetKeyId": key.ID})
	d.RequireCreateRefusal(KMSAliasType, Props{"name": "alias/cache", "targetKeyId": key.ID}, "AlreadyExistsException")
	if alias.Output("targetKeyArn") != key.Output("arn") || alias.Output("arn") != "arn:aws:kms:us-west-1:123456789012:alias/cache" {
		t.Errorf("%v is %v", alias.Output("arn"), alias.Output("targetKeyArn"))
	}
	d.Create(VolumeType, "v", GP3(Props{"encrypted": true, "kmsKeyId": alias.Output("arn")}))
	key.Delete() // what it encrypts stays, its aliases go
	if r := d.Read(KMSAliasType, "a", alias.ID, alias.Inputs); r.ID != "" {
		t.Error("the alias outlives its key")
	}
}
