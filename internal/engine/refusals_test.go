package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/beachhead-build/beachhead/internal/restype"
)

func step(edit func(*Step)) Step {
	s := Step{
		URN: "urn:pulumi:us-west-1::beachhead::beachhead:aws:Network$aws:ec2/vpc:Vpc::net-vpc", Type: "aws:ec2/vpc:Vpc", Name: "net-vpc",
		Op: "update", Custom: true,
	}
	edit(&s)
	return s
}

func sized(gib any) map[string]any { return map[string]any{"size": gib} }

func TestRefusals(t *testing.T) {
	volume := func(s *Step) { s.Type, s.Name, s.Protected = "aws:ebs/volume:Volume", "cache-shard-00", true }
	cases := []struct {
		name string
		edit func(*Step)
		want string
	}{
		{"an update is fine", func(*Step) {}, ""},
		{"a VPC is not replaced", func(s *Step) { s.Op, s.Diffs = "replace", []string{"cidrBlock"} }, "because of cidrBlock"},
		{"a VPC may be deleted", func(s *Step) { s.Op = "delete" }, ""},
		{"a route may be replaced", func(s *Step) { s.Op, s.Type = "replace", "aws:ec2/route:Route" }, ""},
		{"a protected thing is not deleted", func(s *Step) { volume(s); s.Op = "delete" },
			"cache-shard-00 (aws:ebs/volume:Volume) is protected and would be deleted"},
		{"nor replaced", func(s *Step) { volume(s); s.Op, s.Diffs = "create-replacement", []string{"availabilityZone"} },
			"replaced because of availabilityZone"},
		{"a protected thing may be updated", volume, ""},
		{"what stays in the cloud is still not taken from the stack", func(s *Step) { volume(s); s.Op, s.Retained = "delete", true },
			"is protected and would be deleted"},
		{"a volume grows", func(s *Step) { volume(s); s.oldInputs, s.Inputs = sized(512.0), sized(1024.0) }, ""},
		{"and does not shrink", func(s *Step) { volume(s); s.oldInputs, s.Inputs = sized(1024.0), sized(512.0) },
			"has a size of 1024 and would get 512"},
		{"nor from what an API says", func(s *Step) { volume(s); s.oldInputs, s.Inputs = sized(int32(1024)), sized(512.0) },
			"1024 and would get 512"},
		{"a size that is not known yet is no reason", func(s *Step) {
			volume(s)
			s.oldInputs, s.Inputs = sized(1024.0),
				sized(plugin.UnknownStringValue)
		}, ""},
		{"other things may shrink", func(s *Step) { s.oldInputs, s.Inputs = sized(1024.0), sized(512.0) }, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := refuseSteps([]Step{step(c.edit)})
			if c.want == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if c.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want a refusal with %q", err, c.want)
			}
		})
	}
}

func TestRefusalsNameEveryThingOnce(t *testing.T) {
	replace := func(name string) Step {
		return step(func(s *Step) { s.Op, s.Name, s.Diffs = "replace", name, []string{"cidrBlock"} })
	}
	err := refuseSteps([]Step{replace("one"), replace("two"), replace("two")})
	if got := strings.Count(err.Error(), "\n"); got != 2 {
		t.Errorf("want a line each for one and two:\n%v", err)
	}
}

// A network that would be replaced is one line, with the reason: its subnets and the other steps of its replacement tell no more.
func TestRefusalsNameTheCause(t *testing.T) {
	replaced := func(typ, op string, diffs ...string) Step {
		return step(func(s *Step) { s.URN, s.Type, s.Name, s.Op, s.Diffs = "urn:"+typ, typ, "net", op, diffs })
	}
	err := refuseSteps([]Step{
		replaced(restype.VPC, "create-replacement", "cidrBlock"), replaced(restype.VPC, "replace"),
		replaced(restype.Subnet, "create-replacement", "cidrBlock", "vpcId"), replaced(restype.Subnet, "replace"),
	})
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "because of cidrBlock: the network's range") {
		t.Errorf("%v, want one line that names the range", err)
	}
	for _, alone := range []Step{replaced(restype.VPC, "replace"), replaced(restype.Subnet, "replace", "vpcId"),
		replaced(restype.Subnet, "replace")} {
		if refuseSteps([]Step{alone}) == nil {
			t.Errorf("not refused: %+v", alone)
		}
	}
}

// What the engine itself refuses comes with the way that fits: a volume's zone for a replacement, its shard for a deletion.
func TestReadProtections(t *testing.T) {
	const urn = "urn:pulumi:a::beachhead::beachhead:aws:ShardedCache$aws:ebs/volume:Volume::cache-shard-01"
	for message, want := range map[string]string{
		"unable to replace resource \"x\"\nas it is currently marked for protection.": "" +
			"cache-shard-01 (aws:ebs/volume:Volume) is protected and " +
			"would be replaced: a data volume cannot leave its zone",
		"resource \"x\" cannot be deleted\nbecause it is protected.": "would be deleted: it holds a part of the cache",
	} {
		if err := readProtections([]Diagnostic{{URN: urn, Message: message}}); !errors.Is(err, ErrRefused) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a refusal with %q", err, want)
		}
	}
}
