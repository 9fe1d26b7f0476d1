package emulator

import (
	"strings"
	"testing"
)

func TestRoleRefusals(t *testing.T) {
	d := Start(t)
	d.RequireCreateRefusal(RoleType, Props{}, "assumeRolePolicy: missing required property")
	d.RequireCreateRefusal(RoleType, Props{"assumeRolePolicy": "{"}, "assumeRolePolicy: contains an invalid JSON policy")
	d.RequireCreateRefusal(RoleType, Props{"assumeRolePolicy": "{}"}, "MalformedPolicyDocument")
	d.RequireCreateRefusal(RoleType, Props{"assumeRolePolicy": TrustPolicy, "name": "a b"}, "name: ", "letters, digits")
	d.RequireCreateRefusal(RoleType, Props{"assumeRolePolicy": TrustPolicy, "name": strings.Repeat("a", 65)}, "at most 64")
	d.RequireCreateRefusal(RoleType, Props{"assumeRolePolicy": TrustPolicy, "maxSessionDuration": 60}, "must be between 3600 and 43200")
	role := d.Create(RoleType, "role", Props{"assumeRolePolicy": TrustPolicy, "name": "runner", "path": "/ci/"})
	if role.Output("arn") != "arn:aws:iam::123456789012:role/ci/runner" {
		t.Errorf("arn = %v", role.Output("arn"))
	}
	d.RequireCreateRefusal(RoleType, Props{"assumeRolePolicy": TrustPolicy, "name": "runner"}, "EntityAlreadyExists: Role with name runner already exists.")
	// Roles belong to the account: another region has the same ones, another account has not.
	d.Elsewhere(Props{"region": "us-east-2"}).RequireCreateRefusal(RoleType, Props{"assumeRolePolicy": TrustPolicy, "name": "runner"}, "EntityAlreadyExists")
	d.Elsewhere(Props{"region": "us-east-2", "allowedAccountIds": []any{"210987654321"}}).Create(RoleType, "r", Props{"assumeRolePolicy": TrustPolicy, "name": "runner"})
}

func TestRolePolicy(t *testing.T) {
	d := Start(t)
	role := d.Create(RoleType, "role", Props{"assumeRolePolicy": TrustPolicy})
	p := Props{"role": role.ID, "name": "write", "policy": `{"Statement":[]}`}
	policy := d.Create(RolePolicyType, "p", p)
	if policy.ID != role.ID+":write" {
		t.Errorf("id = %s", policy.ID)
	}
	d.RequireCreateRefusal(RolePolicyType, p, "EntityAlreadyExists")
	d.RequireCreateRefusal(RolePolicyType, Props{"role": role.ID, "policy": "no"}, "invalid JSON policy")
	p["policy"] = `{"Statement":[{}]}`
	policy.Update(p)
	RequireRefusal(t, role.TryDelete(), "DeleteConflict: Cannot delete entity "+role.ID, policy.ID)
	policy.Delete()
	role.Delete()
}

func TestInstanceProfile(t *testing.T) {
	d := Start(t)
	role := d.Create(RoleType, "role", Props{"assumeRolePolicy": TrustPolicy})
	profile := d.Create(InstanceProfileType, "runner", Props{"name": "runner", "role": role.ID})
	d.RequireCreateRefusal(InstanceProfileType, Props{"name": "runner"}, "EntityAlreadyExists: Instance Profile runner already exists.")
	d.RequireCreateRefusal(InstanceProfileType, Props{"name": "a/b"}, "letters, digits")
	RequireRefusal(t, role.TryDelete(), "DeleteConflict", profile.ID)
	other := d.Create(RoleType, "other", Props{"assumeRolePolicy": TrustPolicy})
	profile.Update(Props{"name": "runner", "role": other.ID})
	role.Delete()
}
