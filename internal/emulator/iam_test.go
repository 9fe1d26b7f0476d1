package emulator

import (
	"strings"
	"testing"
)

func TestRoleRefusals(t *testing.T) {
	d := open(t)
	d.refusesToMake(RoleType, props{}, "assumeRolePolicy: missing required property")
	d.refusesToMake(RoleType, props{"assumeRolePolicy": "{"}, "assumeRolePolicy: contains an invalid JSON policy")
	d.refusesToMake(RoleType, props{"assumeRolePolicy": "{}"}, "MalformedPolicyDocument")
	d.refusesToMake(RoleType, props{"assumeRolePolicy": trust, "name": "a b"}, "name: ", "letters, digits")
	d.refusesToMake(RoleType, props{"assumeRolePolicy": trust, "name": strings.Repeat("a", 65)}, "at most 64")
	d.refusesToMake(RoleType, props{"assumeRolePolicy": trust, "maxSessionDuration": 60}, "must be between 3600 and 43200")
	role := d.make(RoleType, "role", props{"assumeRolePolicy": trust, "name": "runner", "path": "/ci/"})
	if role.out("arn") != "arn:aws:iam::123456789012:role/ci/runner" {
		t.Errorf("arn = %v", role.out("arn"))
	}
	d.refusesToMake(RoleType, props{"assumeRolePolicy": trust, "name": "runner"}, "EntityAlreadyExists: Role with name runner already exists.")
	// Roles belong to the account: another region has the same ones, another account has not.
	d.elsewhere(props{"region": "us-east-2"}).refusesToMake(RoleType, props{"assumeRolePolicy": trust, "name": "runner"}, "EntityAlreadyExists")
	d.elsewhere(props{"region": "us-east-2", "allowedAccountIds": []any{"210987654321"}}).make(RoleType, "r", props{"assumeRolePolicy": trust, "name": "runner"})
}

func TestRolePolicy(t *testing.T) {
	d := open(t)
	role := d.make(RoleType, "role", props{"assumeRolePolicy": trust})
	p := props{"role": role.id, "name": "write", "policy": `{"Statement":[]}`}
	policy := d.make(RolePolicyType, "p", p)
	if policy.id != role.id+":write" {
		t.Errorf("id = %s", policy.id)
	}
	d.refusesToMake(RolePolicyType, p, "EntityAlreadyExists")
	d.refusesToMake(RolePolicyType, props{"role": role.id, "policy": "no"}, "invalid JSON policy")
	p["policy"] = `{"Statement":[{}]}`
	policy.update(p)
	refuses(t, role.tryDelete(), "DeleteConflict: Cannot delete entity "+role.id, policy.id)
	policy.delete()
	role.delete()
}

func TestInstanceProfile(t *testing.T) {
	d := open(t)
	role := d.make(RoleType, "role", props{"assumeRolePolicy": trust})
	profile := d.make(InstanceProfileType, "runner", props{"name": "runner", "role": role.id})
	d.refusesToMake(InstanceProfileType, props{"name": "runner"}, "EntityAlreadyExists: Instance Profile runner already exists.")
	d.refusesToMake(InstanceProfileType, props{"name": "a/b"}, "letters, digits")
	refuses(t, role.tryDelete(), "DeleteConflict", profile.id)
	other := d.make(RoleType, "other", props{"assumeRolePolicy": trust})
	profile.update(props{"name": "runner", "role": other.id})
	role.delete()
}
