package emulator_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestZones(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.Create(aws.VPCType, "vpc", props{"cidrBlock": "10.42.0.0/16", "enableDnsHostnames": true})
	in := func(id string) []any { return []any{props{"vpcId": id}} }
	d.RequireCreateRefusal(aws.Route53ZoneType, props{"name": "a b.c"}, "name")
	d.RequireCreateRefusal(aws.Route53ZoneType, props{"vpcs": in(vpc.ID)}, "name: exactly one of name must be set")
	d.RequireCreateRefusal(aws.Route53ZoneType, props{"name": "cache.internal", "vpcs": in("vpc-none")}, "InvalidVPCId", "vpc-none")
	d.RequireCreateRefusal(aws.Route53ZoneType, props{"name": "cache.internal",
		"vpcs": in(d.Create(aws.VPCType, "mute", props{"cidrBlock": "10.43.0.0/16"}).ID)}, "enableDnsHostnames")
	zone := d.Create(aws.Route53ZoneType, "z", props{"name": "cache.internal", "vpcs": in(vpc.ID)})
	d.RequireCreateRefusal(aws.Route53ZoneType, props{"name": "cache.internal", "vpcs": in(vpc.ID)}, "ConflictingDomainExists", zone.ID)
	other := d.Elsewhere(props{"region": "us-east-2"}).Create(aws.VPCType, "vpc",
		props{"cidrBlock": "10.44.0.0/16", "enableDnsHostnames": true})
	zone.Update(props{"name": "cache.internal", "vpcs": []any{props{"vpcId": other.ID, "vpcRegion": "us-east-2"}, props{"vpcId": vpc.ID}}})
	emulatortest.RequireRefusal(t, zone.TryUpdate(props{"name": "cache.internal"}), "LastVPCAssociation")
	public := d.Create(aws.Route53ZoneType, "public", props{"name": "example.com", "forceDestroy": true})
	emulatortest.RequireRefusal(t, public.TryUpdate(props{"name": "example.com", "vpcs": in(vpc.ID)}), "PublicZoneVPCAssociation")
	if ops := d.Operations(); ops[len(ops)-1].ModelSeconds != 70 || ops[len(ops)-1].Region != "" {
		t.Errorf("%+v", ops[len(ops)-1])
	}
	record := d.Create(aws.Route53RecordType, "r", props{"zoneId": zone.ID, "name": "a", "type": "TXT", "ttl": 1, "records": []any{"x"}})
	emulatortest.RequireRefusal(t, zone.TryDelete(), "HostedZoneNotEmpty", record.ID)
	d.Create(aws.Route53RecordType, "p", props{"zoneId": public.ID, "name": "a", "type": "TXT", "ttl": 1, "records": []any{"x"}})
	public.Delete() // with its records
	vpc.Delete()    // a zone does not hold its VPC
}

func TestRecords(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.Create(aws.VPCType, "vpc", props{"cidrBlock": "10.42.0.0/16", "enableDnsHostnames": true})
	zone := d.Create(aws.Route53ZoneType, "z", props{"name": "cache.internal", "vpcs": []any{props{"vpcId": vpc.ID}}})
	with := func(name, typ string, records ...any) props {
		return props{"zoneId": zone.ID, "name": name, "type": typ, "ttl": 60, "records": records}
	}
	d.RequireCreateRefusal(aws.Route53RecordType, props{"zoneId": "Z0", "name": "a", "type": "A", "ttl": 1, "records": []any{"10.0.0.1"}},
		"NoSuchHostedZone", "Z0")
	d.RequireCreateRefusal(aws.Route53RecordType, with("api.example.com", "A", "10.0.0.1"), "is not permitted in zone cache.internal")
	d.RequireCreateRefusal(aws.Route53RecordType, with("a", "A", "10.0.0.256"), `"10.0.0.256" is not a value of a record of type A`)
	d.RequireCreateRefusal(aws.Route53RecordType, with("a", "AAAA", "10.0.0.1"), "is not a value of a record of type AAAA")
	d.RequireCreateRefusal(aws.Route53RecordType, with("a", "ALIAS", "b"), "type")
	d.RequireCreateRefusal(aws.Route53RecordType, with("a", "CNAME", "b.com", "c.com"), "one value")
	d.RequireCreateRefusal(aws.Route53RecordType, with("cache.internal", "CNAME", "b.com"), "not permitted at apex")
	d.RequireCreateRefusal(aws.Route53RecordType, with("a", "A"), "exactly one of records")
	d.RequireCreateRefusal(aws.Route53RecordType, props{"zoneId": zone.ID, "name": "a", "type": "A", "aliases": []any{},
		"records": []any{"10.0.0.1"}}, "aliases: the emulator has no rules", "ttl")
	r := d.Create(aws.Route53RecordType, "r", with("shard-0.cache.internal", "A", "10.0.0.1"))
	if r.ID != zone.ID+"_shard-0.cache.internal_A" || r.Output("fqdn") != "shard-0.cache.internal" {
		t.Errorf("%s is %v", r.ID, r.Output("fqdn"))
	}
	d.RequireCreateRefusal(aws.Route53RecordType, with("shard-0", "A", "10.0.0.2"), "it already exists", r.ID)
	d.RequireCreateRefusal(aws.Route53RecordType, with("SHARD-0", "CNAME", "b.com"), "conflicts with other records")
	r.Update(with("shard-0.cache.internal", "A", "10.0.0.2", "10.0.0.3"))
	r.Update(with("shard-0.cache.internal", "CNAME", "other.example.com"))
	r.Update(with("shard-0.cache.internal", "AAAA", "fd00::1"))
	d.RequireCreateRefusal(aws.Route53RecordType, with("shard-0", "A", "10.0.0.2"), "a second record with the id")
	if ops := d.Operations(); ops[2].ModelSeconds != 35 || ops[3].ModelSeconds != 35.0/4 {
		t.Errorf("took %v and %v", ops[2].ModelSeconds, ops[3].ModelSeconds)
	}
}

func TestParameterRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	with := func(more props) props {
		p := props{"name": "/beachhead/map", "type": "String", "value": "x"}
		for name, v := range more {
			if p[name] = v; v == nil {
				delete(p, name)
			}
		}
		return p
	}
	for want, more := range map[string]props{
		"must be a fully qualified name":      {"name": "beachhead/map"},
		"maximum of 15 levels":                {"name": strings.Repeat("/a", 16)},
		"at most 1011 long":                   {"name": "/" + strings.Repeat("a", 1011)},
		"reserved parameter name":             {"name": "/aws/map"},
		"must match":                          {"name": "/a b"},
		"maximum parameter value of 4096":     {"value": strings.Repeat("x", 4097)},
		"maximum parameter value of 8192":     {"value": strings.Repeat("x", 8193), "tier": "Advanced"},
		"rules for String, SecureString only": {"type": "StringList"},
		"value and insecureValue are":         {"insecureValue": "y"},
		"exactly one of value, insecureValue": {"value": nil},
		"a SecureString needs value":          {"type": "SecureString", "value": nil, "insecureValue": "y"},
		"KeyId is not required for String":    {"keyId": "alias/aws/ssm"},
		"Key 'none' does not exist":           {"type": "SecureString", "keyId": "none"},
		"ParameterPatternMismatch":            {"allowedPattern": "^y$"},
		"InvalidAllowedPattern":               {"allowedPattern": "("},
		"is not an image":                     {"dataType": "aws:ec2:image"},
		"tier: \"Huge\" must be one of":       {"tier": "Huge"},
		"this has 0": {"type": "SecureString", "value": resource.MakeSecret(resource.NewProperty("")),
			"tier": "Standard"},
		"arn: the emulator has no rules for this": {"arn": "x"},
	} {
		d.RequireCreateRefusal(aws.ParameterType, with(more), want)
	}
	_, err := d.TryCreate(aws.ParameterType, "p", with(props{"value": "s3cr3t" + strings.Repeat("x", 5000)}))
	if err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("the refusal tells the value: %v", err)
	}
}

func TestParameterVersions(t *testing.T) {
	d := emulatortest.Start(t)
	p := props{"name": "/beachhead/token", "type": "SecureString", "value": "one"}
	r := d.Create(aws.ParameterType, "p", p)
	if r.Output("version") != 1.0 || r.Output("keyId") != "alias/aws/ssm" ||
		r.Output("arn") != "arn:aws:ssm:us-west-1:123456789012:parameter/beachhead/token" {
		t.Errorf("version %v, key %v, %v", r.Output("version"), r.Output("keyId"), r.Output("arn"))
	}
	m, err := emulatortest.UnmarshalProperties(r.State)
	if err != nil || !m["value"].IsSecret() {
		t.Errorf("value is told in the open: %v", err)
	}
	p["tags"] = props{"a": "b"}
	r.Update(p)
	if r.Output("version") != 1.0 {
		t.Errorf("tags made version %v", r.Output("version"))
	}
	p["value"] = "two"
	r.Update(p)
	p["tier"] = "Advanced"
	r.Update(p)
	if r.Output("version") != 3.0 {
		t.Errorf("version %v", r.Output("version"))
	}
	d.RequireCreateRefusal(aws.ParameterType, p, "ParameterAlreadyExists")
	down := props{"name": "/beachhead/token", "type": "SecureString", "value": "two", "tier": "Standard"}
	emulatortest.RequireRefusal(t, r.TryUpdate(down), "You can't downgrade")
	p["overwrite"], p["type"] = true, "String"
	d.RequireCreateRefusal(aws.ParameterType, p, "HierarchyTypeMismatchException")
	p["type"] = "SecureString"
	if again := d.Create(aws.ParameterType, "again", p); again.Output("version") != 4.0 {
		t.Errorf("overwritten, it has version %v", again.Output("version"))
	}
	d.Elsewhere(props{"region": "us-east-2"}).Create(aws.ParameterType, "p", p) // names are per region
}

// What a machine wrote is what a read tells, in a new version.
func TestParameterWrittenByAMachine(t *testing.T) {
	d := emulatortest.Start(t)
	for name, p := range map[string]props{
		"/beachhead/moved": {"type": "String", "insecureValue": "{}"}, "/beachhead/value": {"type": "String", "value": "{}"},
	} {
		p["name"] = name
		r := d.Create(aws.ParameterType, name, p)
		if err := aws.WriteParameter(t.Context(), d.Cloud, "123456789012", "us-west-1", name, `{"epoch":1}`); err != nil {
			t.Fatal(err)
		}
		if err := d.Cloud.View(func(now *cloud.State) error {
			for _, seen := range now.List(aws.ParameterType) {
				if seen.ID == r.ID && (seen.Outputs["insecureValue"] != `{"epoch":1}` || seen.Outputs["version"] != 2.0 ||
					seen.Outputs["value"] != "") {
					t.Errorf("%s is %v", name, seen.Outputs)
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	secret := d.Create(aws.ParameterType, "token", props{"name": "/beachhead/token", "type": "SecureString", "value": "x"})
	for _, name := range []string{secret.ID, "/beachhead/none"} {
		if err := aws.WriteParameter(t.Context(), d.Cloud, "123456789012", "us-west-1", name, "y"); err == nil ||
			!strings.Contains(err.Error(), "ParameterNotFound") {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}
