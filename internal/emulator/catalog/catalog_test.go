package catalog

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func load(t *testing.T) *Table {
	t.Helper()
	table, err := Load("aws")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestLoad(t *testing.T) {
	table := load(t)
	if again := load(t); again != table {
		t.Error("the table was read twice")
	}
	if len(table.Resources) != 127 || table.Version != "6.83" {
		t.Errorf("%d resources of version %s", len(table.Resources), table.Version)
	}
	if _, err := Load("azure"); err == nil {
		t.Error("there is a table of a cloud that we do not have")
	}
}

// The Go SDK knows a few properties that the extracted table lacks.
func TestLaterProperties(t *testing.T) {
	table := load(t)
	endpoint := table.Resources["aws:ec2/vpcEndpoint:VpcEndpoint"]
	if endpoint.Inputs["serviceName"].Required {
		t.Error("serviceName is required: in the SDK it is not")
	}
	in := resource.NewPropertyMapFromMap(map[string]any{
		"blockDeviceMappings": []any{map[string]any{"ebs": map[string]any{"volumeInitializationRate": 300, "volumeSize": 8}}},
		"networkInterfaces":   []any{map[string]any{"enaSrdSpecification": map[string]any{"enaSrdEnabled": true}}},
	})
	if failures := table.Check(table.Resources["aws:ec2/launchTemplate:LaunchTemplate"], in); len(failures) > 0 {
		t.Errorf("refused: %v", failures)
	}
}

// Every type that a property names must be in the tables.
func TestTablesAreWhole(t *testing.T) {
	table := load(t)
	see := func(where string, properties map[string]Property) {
		for name, p := range properties {
			if typ := strings.Trim(p.Type, "[]{}"); strings.HasPrefix(typ, "@") && table.Types[typ[1:]] == nil {
				t.Errorf("%s.%s: no type %s", where, name, typ)
			}
		}
	}
	for name, r := range table.Resources {
		see(name, r.Inputs)
	}
	for name, o := range table.Types {
		see(name, o.Properties)
	}
}

func TestCheck(t *testing.T) {
	table := &Table{Types: map[string]*Object{"t": {Properties: map[string]Property{"inner": {Type: "integer", Required: true}}}}}
	r := &Resource{Inputs: map[string]Property{
		"text": {Type: "string"}, "flag": {Type: "boolean"}, "count": {Type: "integer"}, "part": {Type: "number"},
		"list": {Type: "[@t]"}, "map": {Type: "{string}"}, "one": {Type: "@t"}, "lost": {Type: "@gone"}, "must": {Type: "string", Required: true},
	}}
	computed := resource.MakeComputed(resource.NewProperty(""))
	for _, c := range []struct {
		name string
		in   resource.PropertyMap
		want string
	}{
		{"good", resource.PropertyMap{"must": resource.NewProperty("x"), "count": resource.NewProperty(2.0), "part": resource.NewProperty(0.5)},
			""},
		{"unknown values pass", resource.PropertyMap{"must": computed, "list": computed, "one": computed}, ""},
		{"secrets are looked into", resource.PropertyMap{"must": resource.MakeSecret(resource.NewProperty(1.0))},
			"must: want string, got number"},
		{"missing", resource.PropertyMap{}, "must: missing required property"},
		{"null is missing", resource.PropertyMap{"must": resource.NewNullProperty()}, "must: missing required property"},
		{"a secret nobody knows yet", resource.PropertyMap{"must": resource.MakeSecret(computed)}, ""},
		{"integer", with("count", resource.NewProperty(2.5)), "count: want integer, got number"},
		{"boolean", with("flag", resource.NewProperty("true")), "flag: want boolean, got string"},
		{"list", with("list", resource.NewProperty("x")), "list: want a list, got string"},
		{"element", with("list", resource.NewProperty([]resource.PropertyValue{resource.NewProperty(resource.PropertyMap{})})),
			"list[0].inner: missing required property"},
		{"map", with("map", resource.NewProperty("x")), "map: want a map, got string"},
		{"entry", with("map", resource.NewProperty(resource.PropertyMap{"k": resource.NewProperty(true)})), "map.k: want string, got bool"},
		{"object", with("one", resource.NewProperty("x")), "one: want an object, got string"},
		{"typo", with("lists", resource.NewProperty("x")), "lists: unknown property; did you mean list?"},
		{"nested typo", with("one", resource.NewProperty(resource.PropertyMap{"inner": resource.NewProperty(1.0),
			"outer": resource.NewProperty(1.0)})), "one.outer: unknown property"},
		{"table with a hole", with("lost", resource.NewProperty(resource.PropertyMap{})), "lost: the property table lacks type gone"},
		{"internal keys", with("__defaults", resource.NewProperty("x")), ""},
	} {
		var got []string
		for _, f := range table.Check(r, c.in) {
			got = append(got, f.Property+": "+f.Reason)
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func with(name string, v resource.PropertyValue) resource.PropertyMap {
	return resource.PropertyMap{"must": resource.NewProperty("x"), resource.PropertyKey(name): v}
}

func TestDiff(t *testing.T) {
	r := &Resource{Inputs: map[string]Property{
		"ids": {Type: "[string]"}, "steps": {Type: "[string]"}, "rules": {Type: "[@t]"}, "disks": {Type: "[@t]"}, "fixed": {Type: "string",
			CreateOnly: true},
		"late": {Type: "string"}, "chosen": {Type: "string"},
	}, AlwaysSet: []string{"chosen"}}
	how := Comparison{Sets: []string{"rules"}, Ordered: []string{"steps"}, CreateOnly: []string{"late"}}
	ab, ba := []any{"a", "b"}, []any{"b", "a"}
	one, two := map[string]any{"n": 1.0}, map[string]any{"n": 2.0}
	for _, c := range []struct {
		name       string
		old, state map[string]any
		news       map[string]any
		want       string
	}{
		{"nothing", map[string]any{"ids": ab}, nil, map[string]any{"ids": ab}, ""},
		{"order in a set", map[string]any{"ids": ab}, nil, map[string]any{"ids": ba}, ""},
		{"a set with a twin", map[string]any{"ids": []any{"a", "a"}}, nil, map[string]any{"ids": ab}, "ids[1] update"},
		{"order in a list", map[string]any{"steps": ab}, nil, map[string]any{"steps": ba}, "steps[0] update, steps[1] update"},
		{"order in a set of objects", map[string]any{"rules": []any{one, two}}, nil, map[string]any{"rules": []any{two, one}}, ""},
		{"order in a list of objects", map[string]any{"disks": []any{one, two}}, nil, map[string]any{"disks": []any{two, one}},
			"disks[0].n update, disks[1].n update"},
		{"create only", map[string]any{"fixed": "a"}, nil, map[string]any{"fixed": "b"}, "fixed update-replace"},
		{"create only, by hand", map[string]any{"late": "a"}, nil, map[string]any{"late": "b"}, "late update-replace"},
		{"what the cloud chose is left to it", map[string]any{"chosen": "a"}, nil, map[string]any{}, ""},
		{"what is so already", map[string]any{}, map[string]any{"chosen": "a"}, map[string]any{"chosen": "a"}, ""},
		{"what is not", map[string]any{}, map[string]any{"chosen": "a"}, map[string]any{"chosen": "b"}, "chosen add"},
		{"taken away", map[string]any{"ids": ab}, nil, map[string]any{}, "ids delete"},
		{"outputs among old inputs", map[string]any{"arn": "x"}, nil, map[string]any{}, ""},
	} {
		var got []string
		diff := r.Diff(how, resource.NewPropertyMapFromMap(c.old), resource.NewPropertyMapFromMap(c.state),
			resource.NewPropertyMapFromMap(c.news))
		for _, path := range sortedKeys(diff) {
			got = append(got, path+" "+diff[path].Kind.String())
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
