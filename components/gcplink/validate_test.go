package gcplink_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/gcplink"
)

func TestBadArgumentsAreRefusedBeforeAnyRegistration(t *testing.T) {
	prefix := netip.MustParsePrefix
	cases := map[string]struct {
		edit func(*gcplink.Args)
		want []string
	}{
		"names":          {func(a *gcplink.Args) { a.Names = "Beachhead" }, []string{"names:"}},
		"no VPC":         {func(a *gcplink.Args) { a.VPC = nil }, []string{"networks:"}},
		"no network":     {func(a *gcplink.Args) { a.Network = "" }, []string{"networks:"}},
		"no tables":      {func(a *gcplink.Args) { a.RouteTables = nil }, []string{"route tables: none"}},
		"a table's id":   {func(a *gcplink.Args) { a.RouteTables["cache-us-west-1a"] = nil }, []string{"cache-us-west-1a has no id"}},
		"equal ASNs":     {func(a *gcplink.Args) { a.GCPASN = a.AWSASN }, []string{"both sides have 64620"}},
		"a public ASN":   {func(a *gcplink.Args) { a.GCPASN = 15169 }, []string{"ASN of GCP: 15169"}},
		"the last ASN":   {func(a *gcplink.Args) { a.AWSASN = 65535 }, []string{"ASN of AWS: 65535"}},
		"a tunnel short": {func(a *gcplink.Args) { a.Inside[3] = netip.Prefix{} }, []string{"tunnel 3: inside range"}},
		"a tunnel's size": {func(a *gcplink.Args) { a.Inside[0] = prefix("169.254.20.0/29") },
			[]string{"tunnel 0: inside range 169.254.20.0/29"}},
		"a tunnel's place": {func(a *gcplink.Args) { a.Inside[1] = prefix("10.0.0.0/30") }, []string{"tunnel 1: inside range 10.0.0.0/30"}},
		"one range twice": {func(a *gcplink.Args) { a.Inside[2] = a.Inside[0] },
			[]string{"tunnel 2: another tunnel has the inside range 169.254.20.0/30"}},
		"a reserved range": {func(a *gcplink.Args) { a.Inside[0] = prefix("169.254.5.0/30") }, []string{"169.254.5.0/30 is reserved"}},
		"metadata's range": {func(a *gcplink.Args) { a.Inside[0] = prefix("169.254.169.252/30") }, []string{"169.254.169.252/30 is reserved"}},
		"nothing announced": {func(a *gcplink.Args) { a.Advertised = nil },
			[]string{"advertised: 0 ranges", "10.128.0.10 is not in an advertised range"}},
		"too many routes": {func(a *gcplink.Args) {
			for range 100 {
				a.Advertised = append(a.Advertised, a.Advertised[0])
			}
		}, []string{"advertised: 102 ranges"}},
		"everybody let in":  {func(a *gcplink.Args) { a.Sources = nil }, []string{"sources: none"}},
		"everything let in": {func(a *gcplink.Args) { a.Sources[0] = prefix("0.0.0.0/0") }, []string{"range 0.0.0.0/0"}},
		"a service twice":   {func(a *gcplink.Args) { a.Services[1].Name = "api" }, []string{`service "api"`}},
		"a service's place": {func(a *gcplink.Args) { a.Services[0].Address = netip.MustParseAddr("10.1.0.1") },
			[]string{"10.1.0.1 is not in an advertised range"}},
		"a service's ports":  {func(a *gcplink.Args) { a.Services[0].Ports = nil }, []string{"service api: ports []"}},
		"a port":             {func(a *gcplink.Args) { a.Services[0].Ports = []int{443, 65536} }, []string{"service api: ports [443 65536]"}},
		"a zone twice":       {func(a *gcplink.Args) { a.Zones[1].Name = a.Zones[0].Name }, []string{`zone "api.example.com"`}},
		"an empty zone":      {func(a *gcplink.Args) { a.Zones[0].Records = nil }, []string{"would hide the public name"}},
		"a record's zone":    {func(a *gcplink.Args) { a.Zones[0].Records[0].Name = "www.example.com" }, []string{"is outside the zone"}},
		"a record's type":    {func(a *gcplink.Args) { a.Zones[0].Records[0].Type = "TXT" }, []string{"type TXT"}},
		"a CNAME at the top": {func(a *gcplink.Args) { a.Zones[0].Records[0].Type = "CNAME" }, []string{"a name other than the zone's"}},
		"no values":          {func(a *gcplink.Args) { a.Zones[0].Records[0].Values = nil }, []string{"values or the time to live are missing"}},
		"a record twice": {func(a *gcplink.Args) {
			a.Zones[1].Records[1] = a.Zones[1].Records[0]
		}, []string{"record gcr.io is listed twice"}},
		"three at once": {func(a *gcplink.Args) {
			a.GCPASN, a.Inside[1], a.Services[1].Ports = a.AWSASN, a.Inside[0], []int{0}
		}, []string{"both sides", "tunnel 1", "ports [0]"}},
	}
	for name, c := range cases {
		err := pulumi.RunErr(func(ctx *pulumi.Context) error {
			_, err := gcplink.New(ctx, "link", args(c.edit))
			return err
		}, pulumi.WithMocks("beachhead", "test", refuser{}))
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
}

// refuser fails the run at the first registration.
type refuser struct{}

func (refuser) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	panic("registered " + a.Name)
}

func (refuser) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

// Each limit is accepted, and the value beyond it is refused.
func TestLimits(t *testing.T) {
	prefix := netip.MustParsePrefix
	advertise := func(count int) func(*gcplink.Args) {
		return func(a *gcplink.Args) {
			for len(a.Advertised) < count {
				a.Advertised = append(a.Advertised, a.Advertised[0])
			}
		}
	}
	record := func(edit func(*gcplink.Record)) func(*gcplink.Args) {
		return func(a *gcplink.Args) { edit(&a.Zones[0].Records[0]) }
	}
	for name, c := range map[string]struct {
		fine, wrong []func(*gcplink.Args)
	}{
		"ASNs": {
			[]func(*gcplink.Args){
				func(a *gcplink.Args) { a.AWSASN, a.GCPASN = 64512, 65534 }, func(a *gcplink.Args) { a.AWSASN, a.GCPASN = 4200000000, 4294967294 },
			},
			[]func(*gcplink.Args){
				func(a *gcplink.Args) { a.AWSASN = 64511 }, func(a *gcplink.Args) { a.AWSASN = 65535 },
				func(a *gcplink.Args) { a.GCPASN = 4199999999 }, func(a *gcplink.Args) { a.GCPASN = 4294967295 },
			},
		},
		"routes": {[]func(*gcplink.Args){advertise(100)}, []func(*gcplink.Args){advertise(101)}},
		"ranges": {nil, []func(*gcplink.Args){
			func(a *gcplink.Args) { a.Sources[0] = netip.Prefix{} }, func(a *gcplink.Args) { a.Sources[0] = prefix("2001:db8::/64") },
			func(a *gcplink.Args) { a.Sources[0] = prefix("10.42.0.1/20") },
		}},
		"ports": {
			[]func(*gcplink.Args){func(a *gcplink.Args) { a.Services[0].Ports = []int{1, 65535} }},
			[]func(*gcplink.Args){
				func(a *gcplink.Args) { a.Services[0].Ports = []int{0, 443} }, func(a *gcplink.Args) { a.Services[0].Ports = []int{443, 65536} },
			},
		},
		"names": {nil, []func(*gcplink.Args){func(a *gcplink.Args) { a.Services[0].Name = "" }, func(a *gcplink.Args) { a.Zones[0].Name = "" }}},
		"records": {
			[]func(*gcplink.Args){record(func(r *gcplink.Record) { r.TTL = 1 })},
			[]func(*gcplink.Args){
				record(func(r *gcplink.Record) { r.TTL = 0 }),
				record(func(r *gcplink.Record) { r.Name, r.Type, r.Values = "www."+r.Name, "CNAME", []string{"a", "b"} }),
			},
		},
		"tunnels": {nil, []func(*gcplink.Args){func(a *gcplink.Args) { a.Inside[0] = prefix("169.254.20.1/30") }}},
	} {
		for i, edit := range c.fine {
			if err := args(edit).Validate(); err != nil {
				t.Errorf("%s: limit %d: %v", name, i, err)
			}
		}
		for i, edit := range c.wrong {
			if err := args(edit).Validate(); err == nil {
				t.Errorf("%s: value %d beyond the limit is accepted", name, i)
			}
		}
	}
	if err := (*gcplink.Args)(nil).Validate(); err == nil {
		t.Error("no arguments at all are accepted")
	}
	for _, priority := range []int{0, 2147483646} {
		if err := admission(func(a *gcplink.AdmissionArgs) { a.Priority = priority }).Validate(); err != nil {
			t.Errorf("priority %d: %v", priority, err)
		}
	}
	for i, edit := range []func(*gcplink.AdmissionArgs){
		func(a *gcplink.AdmissionArgs) { a.Stack = "" }, func(a *gcplink.AdmissionArgs) { a.Project = "" },
	} {
		if err := admission(edit).Validate(); err == nil {
			t.Errorf("admission %d without a name is accepted", i)
		}
	}
	if err := (*gcplink.AdmissionArgs)(nil).Validate(); err == nil {
		t.Error("no arguments of an admission are accepted")
	}
}
