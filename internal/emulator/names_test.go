package emulator

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func TestZones(t *testing.T) {
	d := open(t)
	vpc := d.make(VPCType, "vpc", props{"cidrBlock": "10.42.0.0/16", "enableDnsHostnames": true})
	in := func(id string) []any { return []any{props{"vpcId": id}} }
	d.refusesToMake(Route53ZoneType, props{"name": "a b.c"}, "name")
	d.refusesToMake(Route53ZoneType, props{"vpcs": in(vpc.id)}, "name: exactly one of name must be given")
	d.refusesToMake(Route53ZoneType, props{"name": "cache.internal", "vpcs": in("vpc-none")}, "InvalidVPCId", "vpc-none")
	d.refusesToMake(Route53ZoneType, props{"name": "cache.internal", "vpcs": in(d.make(VPCType, "mute", props{"cidrBlock": "10.43.0.0/16"}).id)}, "enableDnsHostnames")
	zone := d.make(Route53ZoneType, "z", props{"name": "cache.internal", "vpcs": in(vpc.id)})
	d.refusesToMake(Route53ZoneType, props{"name": "cache.internal", "vpcs": in(vpc.id)}, "ConflictingDomainExists", zone.id)
	other := d.elsewhere(props{"region": "us-east-2"}).make(VPCType, "vpc", props{"cidrBlock": "10.44.0.0/16", "enableDnsHostnames": true})
	zone.update(props{"name": "cache.internal", "vpcs": []any{props{"vpcId": other.id, "vpcRegion": "us-east-2"}, props{"vpcId": vpc.id}}})
	refuses(t, zone.tryUpdate(props{"name": "cache.internal"}), "LastVPCAssociation")
	public := d.make(Route53ZoneType, "public", props{"name": "example.com", "forceDestroy": true})
	refuses(t, public.tryUpdate(props{"name": "example.com", "vpcs": in(vpc.id)}), "PublicZoneVPCAssociation")
	if ops := d.operations(); ops[len(ops)-1].ModelSeconds != 70 || ops[len(ops)-1].Region != "" {
		t.Errorf("%+v", ops[len(ops)-1])
	}
	record := d.make(Route53RecordType, "r", props{"zoneId": zone.id, "name": "a", "type": "TXT", "ttl": 1, "records": []any{"x"}})
	refuses(t, zone.tryDelete(), "HostedZoneNotEmpty", record.id)
	d.make(Route53RecordType, "p", props{"zoneId": public.id, "name": "a", "type": "TXT", "ttl": 1, "records": []any{"x"}})
	public.delete() // with its records
	vpc.delete()    // a zone does not hold its VPC
}

func TestRecords(t *testing.T) {
	d := open(t)
	vpc := d.make(VPCType, "vpc", props{"cidrBlock": "10.42.0.0/16", "enableDnsHostnames": true})
	zone := d.make(Route53ZoneType, "z", props{"name": "cache.internal", "vpcs": []any{props{"vpcId": vpc.id}}})
	with := func(name, typ string, records ...any) props {
		return props{"zoneId": zone.id, "name": name, "type": typ, "ttl": 60, "records": records}
	}
	d.refusesToMake(Route53RecordType, props{"zoneId": "Z0", "name": "a", "type": "A", "ttl": 1, "records": []any{"10.0.0.1"}}, "NoSuchHostedZone", "Z0")
	d.refusesToMake(Route53RecordType, with("api.example.com", "A", "10.0.0.1"), "is not permitted in zone cache.internal")
	d.refusesToMake(Route53RecordType, with("a", "A", "10.0.0.256"), `"10.0.0.256" is no value of a record of type A`)
	d.refusesToMake(Route53RecordType, with("a", "AAAA", "10.0.0.1"), "no value of a record of type AAAA")
	d.refusesToMake(Route53RecordType, with("a", "ALIAS", "b"), "type")
	d.refusesToMake(Route53RecordType, with("a", "CNAME", "b.com", "c.com"), "one value")
	d.refusesToMake(Route53RecordType, with("cache.internal", "CNAME", "b.com"), "not permitted at apex")
	d.refusesToMake(Route53RecordType, with("a", "A"), "exactly one of records")
	d.refusesToMake(Route53RecordType, props{"zoneId": zone.id, "name": "a", "type": "A", "aliases": []any{}, "records": []any{"10.0.0.1"}}, "aliases: the emulator has no rules", "ttl")
	r := d.make(Route53RecordType, "r", with("shard-0.cache.internal", "A", "10.0.0.1"))
	if r.id != zone.id+"_shard-0.cache.internal_A" || r.out("fqdn") != "shard-0.cache.internal" {
		t.Errorf("%s is %v", r.id, r.out("fqdn"))
	}
	d.refusesToMake(Route53RecordType, with("shard-0", "A", "10.0.0.2"), "it already exists", r.id)
	d.refusesToMake(Route53RecordType, with("SHARD-0", "CNAME", "b.com"), "conflicts with other records")
	r.update(with("shard-0.cache.internal", "A", "10.0.0.2", "10.0.0.3"))
	r.update(with("shard-0.cache.internal", "CNAME", "other.example.com"))
	r.update(with("shard-0.cache.internal", "AAAA", "fd00::1"))
	d.refusesToMake(Route53RecordType, with("shard-0", "A", "10.0.0.2"), "a second record with the id")
	if ops := d.operations(); ops[2].ModelSeconds != 35 || ops[3].ModelSeconds != 35.0/4 {
		t.Errorf("took %v and %v", ops[2].ModelSeconds, ops[3].ModelSeconds)
	}
}

func TestParameterRefusals(t *testing.T) {
	d := open(t)
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
		"must be a fully qualified name":          {"name": "beachhead/map"},
		"maximum of 15 levels":                    {"name": strings.Repeat("/a", 16)},
		"at most 1011 long":                       {"name": "/" + strings.Repeat("a", 1011)},
		"reserved parameter name":                 {"name": "/aws/map"},
		"must match":                              {"name": "/a b"},
		"maximum parameter value of 4096":         {"value": strings.Repeat("x", 4097)},
		"maximum parameter value of 8192":         {"value": strings.Repeat("x", 8193), "tier": "Advanced"},
		"rules for String, SecureString only":     {"type": "StringList"},
		"value and insecureValue are":             {"insecureValue": "y"},
		"exactly one of value, insecureValue":     {"value": nil},
		"a SecureString needs value":              {"type": "SecureString", "value": nil, "insecureValue": "y"},
		"KeyId is not required for String":        {"keyId": "alias/aws/ssm"},
		"Key 'none' does not exist":               {"type": "SecureString", "keyId": "none"},
		"ParameterPatternMismatch":                {"allowedPattern": "^y$"},
		"InvalidAllowedPattern":                   {"allowedPattern": "("},
		"is no image":                             {"dataType": "aws:ec2:image"},
		"tier: \"Huge\" must be one of":           {"tier": "Huge"},
		"this has 0":                              {"type": "SecureString", "value": resource.MakeSecret(resource.NewProperty("")), "tier": "Standard"},
		"arn: the emulator has no rules for this": {"arn": "x"},
	} {
		d.refusesToMake(ParameterType, with(more), want)
	}
	_, err := d.try(ParameterType, "p", with(props{"value": "s3cr3t" + strings.Repeat("x", 5000)}))
	if err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("the refusal tells the value: %v", err)
	}
}

func TestParameterVersions(t *testing.T) {
	d := open(t)
	p := props{"name": "/beachhead/token", "type": "SecureString", "value": "one"}
	r := d.make(ParameterType, "p", p)
	if r.out("version") != 1.0 || r.out("keyId") != "alias/aws/ssm" || r.out("arn") != "arn:aws:ssm:us-west-1:123456789012:parameter/beachhead/token" {
		t.Errorf("version %v, key %v, %v", r.out("version"), r.out("keyId"), r.out("arn"))
	}
	m, err := unmarshalProperties(r.state)
	if err != nil || !m["value"].IsSecret() {
		t.Errorf("value is told in the open: %v", err)
	}
	p["tags"] = props{"a": "b"}
	r.update(p)
	if r.out("version") != 1.0 {
		t.Errorf("tags made version %v", r.out("version"))
	}
	p["value"] = "two"
	r.update(p)
	p["tier"] = "Advanced"
	r.update(p)
	if r.out("version") != 3.0 {
		t.Errorf("version %v", r.out("version"))
	}
	d.refusesToMake(ParameterType, p, "ParameterAlreadyExists")
	down := props{"name": "/beachhead/token", "type": "SecureString", "value": "two", "tier": "Standard"}
	refuses(t, r.tryUpdate(down), "You can't downgrade")
	p["overwrite"], p["type"] = true, "String"
	d.refusesToMake(ParameterType, p, "HierarchyTypeMismatchException")
	p["type"] = "SecureString"
	if again := d.make(ParameterType, "again", p); again.out("version") != 4.0 {
		t.Errorf("overwritten, it has version %v", again.out("version"))
	}
	d.elsewhere(props{"region": "us-east-2"}).make(ParameterType, "p", p) // names are per region
}

// What a machine wrote is what a read tells, in a new version.
func TestParameterWrittenByAMachine(t *testing.T) {
	d := open(t)
	for name, p := range map[string]props{
		"/beachhead/moved": {"type": "String", "insecureValue": "{}"}, "/beachhead/value": {"type": "String", "value": "{}"},
	} {
		p["name"] = name
		r := d.make(ParameterType, name, p)
		if err := WriteParameter(d.cloud, t.Context(), "123456789012", "us-west-1", name, `{"epoch":1}`); err != nil {
			t.Fatal(err)
		}
		if err := d.cloud.View(func(now *State) error {
			for _, seen := range now.List(ParameterType) {
				if seen.ID == r.id && (seen.Outputs["insecureValue"] != `{"epoch":1}` || seen.Outputs["version"] != 2.0 || seen.Outputs["value"] != "") {
					t.Errorf("%s is %v", name, seen.Outputs)
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	secret := d.make(ParameterType, "token", props{"name": "/beachhead/token", "type": "SecureString", "value": "x"})
	for _, name := range []string{secret.id, "/beachhead/none"} {
		if err := WriteParameter(d.cloud, t.Context(), "123456789012", "us-west-1", name, "y"); err == nil || !strings.Contains(err.Error(), "ParameterNotFound") {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}
