//go:build conformance

package conformance

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"github.com/beachhead-build/beachhead/internal/engine"
)

func subnet(id, vpc string, edit func(inputs, outputs object)) apitype.ResourceV3 {
	typ := tokens.Type("aws:ec2/subnet:Subnet")
	inputs := object{"vpcId": vpc, "cidrBlock": "10.0.0.0/24", "__defaults": []any{}}
	outputs := object{"vpcId": vpc, "cidrBlock": "10.0.0.0/24", "tags": object{}, "sets": []any{"a", "b"}}
	if edit != nil {
		edit(inputs, outputs)
	}
	return apitype.ResourceV3{
		URN: resource.NewURN("s", "p", "", typ, "net-private"), Type: typ, Custom: true, ID: resource.ID(id), Inputs: inputs, Outputs: outputs,
	}
}

func vpc(id string) apitype.ResourceV3 {
	typ := tokens.Type("aws:ec2/vpc:Vpc")
	return apitype.ResourceV3{URN: resource.NewURN("s", "p", "", typ, "net-vpc"), Type: typ, Custom: true, ID: resource.ID(id)}
}

// Two states that say the same with other ids, and then one edit at a time.
func TestStatesDiffer(t *testing.T) {
	const there, here = "vpc-0123456789abcdef0", "vpc-00000000000000001"
	for name, c := range map[string]struct {
		edit func(inputs, outputs object)
		want string
	}{
		"the same":               {nil, ""},
		"a set in another order": {func(_, o object) { o["sets"] = []any{"b", "a"} }, ""},
		"an empty output":        {func(_, o object) { o["ipv6"] = "" }, ""},
		"an input more":          {func(i, _ object) { i["mapPublicIpOnLaunch"] = false }, "input mapPublicIpOnLaunch"},
		"another input":          {func(i, _ object) { i["cidrBlock"] = "10.0.1.0/24" }, "input cidrBlock"},
		"another VPC":            {func(i, _ object) { i["vpcId"] = "vpc-0fedcba9876543210" }, "input vpcId"},
		"an output less":         {func(_, o object) { delete(o, "sets") }, "output sets"},
		"a secret that is none":  {func(i, _ object) { i["cidrBlock"] = object{signature: "x", "ciphertext": "y"} }, "input cidrBlock"},
		"within a nested output": {func(_, o object) { o["tags"] = object{"Name": "x"} }, "output tags.Name"},
		"within a document":      {func(_, o object) { o["policy"] = `{"a":"1","b":["x"]}` }, "output policy.a"},
		"a time more":            {func(_, o object) { o["createTime"] = "2026-01-01T00:00:00Z" }, "output createTime"},
	} {
		t.Run(name, func(t *testing.T) {
			got := compareStates([]apitype.ResourceV3{vpc(there), subnet("subnet-0123456789abcdef0", there, c.edit)},
				[]apitype.ResourceV3{vpc(here), subnet("subnet-00000000000000002", here, nil)})
			said := ""
			if len(got) > 0 {
				said = got[0].kind + " " + got[0].property
			}
			if said != c.want {
				t.Errorf("%q, want %q: %v", said, c.want, got)
			}
		})
	}
}

func TestChangesDiffer(t *testing.T) {
	step := func(op string) *engine.Changes {
		return &engine.Changes{Steps: []engine.Step{{URN: "u", Type: "t", Name: "n", Op: op}}}
	}
	if got := compareChanges(step("update"), step("update")); len(got) != 0 {
		t.Errorf("the same: %v", got)
	}
	if got := compareChanges(step("replace"), step("update")); len(got) != 1 || got[0].kind != "operation" ||
		got[0].property != "replace for update" {
		t.Errorf("replaced and updated: %v", got)
	}
	if got := compareChanges(step("update"), &engine.Changes{}); len(got) != 1 {
		t.Errorf("updated and not: %v", got)
	}
}

// An entry of the list that meets nothing must be told.
func TestUnmetEntries(t *testing.T) {
	found := &findings{}
	all := len(found.unmet(true))
	if all != len(differences) {
		t.Fatalf("%d unmet entries of %d", all, len(differences))
	}
	d := difference{kind: "output", typ: "aws:iam/role:Role", property: "uniqueId"}
	if !found.known(d, false) || len(found.unmet(true)) != all-1 {
		t.Error("a known difference was not met")
	}
	d.property = "arn"
	if found.known(d, false) {
		t.Error("a difference is known that is not in the list")
	}
}
