package emulator_test

import (
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestRoleRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	d.RequireCreateRefusal(aws.RoleType, props{}, "assumeRolePolicy: missing required property")
	d.RequireCreateRefusal(aws.RoleType, props{"assumeRolePolicy": "{"}, "assumeRolePolicy: contains an invalid JSON policy")
	d.RequireCreateRefusal(aws.RoleType, props{"assumeRolePolicy": "{}"}, "MalformedPolicyDocument")
	d.RequireCreateRefusal(aws.RoleType, props{"assumeRolePolicy": emulatortest.TrustPolicy, "name": "a b"}, "name: ", "letters, digits")
	d.RequireCreateRefusal(aws.RoleType, props{"assumeRolePolicy": emulatortest.TrustPolicy, "name": strings.Repeat("a", 65)}, "at most 64")
	d.RequireCreateRefusal(aws.RoleType, props{"assumeRolePolicy": emulatortest.TrustPolicy, "maxSessionDuration": 60},
		"must be between 3600 and 43200")
	role := d.Create(aws.RoleType, "role", props{"assumeRolePolicy": emulatortest.TrustPolicy, "name": "runner", "path": "/ci/"})
	if role.Output("arn") != "arn:aws:iam::123456789012:role/ci/runner" {
		t.Errorf("arn = %v", role.Output("arn"))
	}
	d.RequireCreateRefusal(aws.RoleType, props{"assumeRolePolicy": emulatortest.TrustPolicy, "name": "runner"},
		"EntityAlreadyExists: Role with name runner already exists.")
	// Roles belong to the account: another region has the same ones, another account has not.
	d.Elsewhere(props{"region": "us-east-2"}).RequireCreateRefusal(aws.RoleType,
		props{"assumeRolePolicy": emulatortest.TrustPolicy, "name": "runner"}, "EntityAlreadyExists")
	d.Elsewhere(props{"region": "us-east-2", "allowedAccountIds": []any{"210987654321"}}).Create(aws.RoleType, "r",
		props{"assumeRolePolicy": emulatortest.TrustPolicy, "name": "runner"})
}

func TestRolePolicy(t *testing.T) {
	d := emulatortest.Start(t)
	role := d.Create(aws.RoleType, "role", props{"assumeRolePolicy": emulatortest.TrustPolicy})
	p := props{"role": role.ID, "name": "write", "policy": `{"Statement":[]}`}
	policy := d.Create(aws.RolePolicyType, "p", p)
	if policy.ID != role.ID+":write" {
		t.Errorf("id = %s", policy.ID)
	}
	d.RequireCreateRefusal(aws.RolePolicyType, p, "EntityAlreadyExists")
	d.RequireCreateRefusal(aws.RolePolicyType, props{"role": role.ID, "policy": "no"}, "invalid JSON policy")
	p["policy"] = `{"Statement":[{}]}`
	policy.Update(p)
	emulatortest.RequireRefusal(t, role.TryDelete(), "DeleteConflict: Cannot delete entity "+role.ID, policy.ID)
	policy.Delete()
	role.Delete()
}

func TestInstanceProfile(t *testing.T) {
	d := emulatortest.Start(t)
	role := d.Create(aws.RoleType, "role", props{"assumeRolePolicy": emulatortest.TrustPolicy})
	profile := d.Create(aws.InstanceProfileType, "runner", props{"name": "runner", "role": role.ID})
	d.RequireCreateRefusal(aws.InstanceProfileType, props{"name": "runner"}, "EntityAlreadyExists: Instance Profile runner already exists.")
	d.RequireCreateRefusal(aws.InstanceProfileType, props{"name": "a/b"}, "letters, digits")
	emulatortest.RequireRefusal(t, role.TryDelete(), "DeleteConflict", profile.ID)
	other := d.Create(aws.RoleType, "other", props{"assumeRolePolicy": emulatortest.TrustPolicy})
	profile.Update(props{"name": "runner", "role": other.ID})
	role.Delete()
}
