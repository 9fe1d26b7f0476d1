package emulator_test

import (
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestPolicies(t *testing.T) {
	d := emulatortest.Start(t)
	d.RequireCreateRefusal(aws.PolicyType, props{"policy": "{"}, "invalid JSON policy")
	d.RequireCreateRefusal(aws.PolicyType, props{"policy": emulatortest.AnyPolicy, "name": "a b"}, "letters, digits")
	d.RequireCreateRefusal(aws.PolicyType, props{"policy": `{"Statement":[{"Sid":"` + strings.Repeat("x", 6144) + `"}]}`},
		"Cannot exceed quota for PolicySize")
	p := d.Create(aws.PolicyType, "p", props{"policy": emulatortest.AnyPolicy, "name": "cache", "path": "/ci/"})
	if p.ID != "arn:aws:iam::123456789012:policy/ci/cache" || p.Output("arn") != p.ID {
		t.Errorf("%s, %v", p.ID, p.Output("arn"))
	}
	d.RequireCreateRefusal(aws.PolicyType, props{"policy": emulatortest.AnyPolicy, "name": "cache"},
		"EntityAlreadyExists: A policy called cache")
	role := d.Create(aws.RoleType, "role", props{"assumeRolePolicy": emulatortest.TrustPolicy})
	with := func(arn string) props { return props{"role": role.ID, "policyArn": arn} }
	d.RequireCreateRefusal(aws.RolePolicyAttachmentType, with("arn:aws:iam::123456789012:policy/none"),
		"NoSuchEntity: Policy arn:aws:iam::123456789012:policy/none")
	d.RequireCreateRefusal(aws.RolePolicyAttachmentType, with("arn:aws:iam::aws:policy/NoSuchPolicy"), "not among those of AWS")
	d.RequireCreateRefusal(aws.RolePolicyAttachmentType, props{"role": "none", "policyArn": p.ID}, "The role with name none cannot be found")
	own, managed := d.Create(aws.RolePolicyAttachmentType, "own", with(p.ID)), d.Create(aws.RolePolicyAttachmentType, "aws",
		with("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"))
	d.RequireCreateRefusal(aws.RolePolicyAttachmentType, with(p.ID), "is attached to "+role.ID+" already")
	emulatortest.RequireRefusal(t, p.TryDelete(), "DeleteConflict: Cannot delete a policy attached to entities", own.ID)
	emulatortest.RequireRefusal(t, role.TryDelete(), "DeleteConflict", own.ID, managed.ID)
	if again := d.Read(aws.PolicyType, "p", p.ID, p.Inputs); again.Output("attachmentCount") != 1.0 {
		t.Errorf("attached %v times", again.Output("attachmentCount"))
	}
	own.Delete()
	managed.Delete()
	p.Delete()
	role.Delete()
}

func TestKeys(t *testing.T) {
	d := emulatortest.Start(t)
	d.RequireCreateRefusal(aws.KMSKeyType, props{"deletionWindowInDays": 6}, "must be between 7 and 30")
	d.RequireCreateRefusal(aws.KMSKeyType, props{"keyUsage": "SIGN_VERIFY"}, "ENCRYPT_DECRYPT only")
	d.RequireCreateRefusal(aws.KMSKeyType, props{"policy": "{"}, "invalid JSON policy")
	key := d.Create(aws.KMSKeyType, "k", props{"enableKeyRotation": true})
	if key.Output("keyId") != key.ID || key.Output("arn") != "arn:aws:kms:us-west-1:123456789012:key/"+key.ID ||
		key.Output("rotationPeriodInDays") != 365.0 {
		t.Errorf("%s: %v, rotated after %v days", key.ID, key.Output("arn"), key.Output("rotationPeriodInDays"))
	}
	d.RequireCreateRefusal(aws.KMSAliasType, props{"name": "cache", "targetKeyId": key.ID}, "name: ")
	d.RequireCreateRefusal(aws.KMSAliasType, props{"name": "alias/aws/cache", "targetKeyId": key.ID}, "reserved for AWS")
	alias := d.Create(aws.KMSAliasType, "a", props{"name": "alias/cache", "targetKeyId": key.ID})
	d.RequireCreateRefusal(aws.KMSAliasType, props{"name": "alias/cache", "targetKeyId": key.ID}, "AlreadyExistsException")
	if alias.Output("targetKeyArn") != key.Output("arn") || alias.Output("arn") != "arn:aws:kms:us-west-1:123456789012:alias/cache" {
		t.Errorf("%v is %v", alias.Output("arn"), alias.Output("targetKeyArn"))
	}
	d.Create(aws.VolumeType, "v", emulatortest.GP3(props{"encrypted": true, "kmsKeyId": alias.Output("arn")}))
	key.Delete() // what it encrypts stays, its aliases go
	if r := d.Read(aws.KMSAliasType, "a", alias.ID, alias.Inputs); r.ID != "" {
		t.Error("the alias outlives its key")
	}
}
