package ec2types

import (
	"slices"
	"strings"
	"testing"
)

func TestLookup(t *testing.T) {
	got, ok := Lookup("m7g.4xlarge")
	want := Type{
		Name: "m7g.4xlarge", Arch: "arm64", VCPU: 16, MemoryMiB: 65536,
		EBSBaseMbps: 5000, EBSMaxMbps: 10000, EBSMaxIOPS: 40000,
		NetBaseGbps: 7.5, NetPeakGbps: 15, Current: true,
	}
	if !ok || got != want {
		t.Errorf("Lookup(m7g.4xlarge) = %+v, %v; want %+v", got, ok, want)
	}
	if _, ok := Lookup("m7g.7xlarge"); ok {
		t.Error("Lookup found a type that does not exist")
	}
}

func TestEveryRowIsValid(t *testing.T) {
	if n := len(TypeNames()); n != 983 {
		t.Errorf("%d types in the table; want 983", n)
	}
	for _, name := range TypeNames() {
		typ, _ := Lookup(name)
		if typ.Arch != "arm64" && typ.Arch != "x86_64" {
			t.Errorf("%s: architecture %q", name, typ.Arch)
		}
		if typ.VCPU < 1 || typ.MemoryMiB < 512 || typ.EBSMaxMbps < typ.EBSBaseMbps {
			t.Errorf("%s: figures make no sense: %+v", name, typ)
		}
	}
}

func TestZones(t *testing.T) {
	if got, want := ZoneNames("us-west-1"), []string{"us-west-1a", "us-west-1b"}; !slices.Equal(got, want) {
		t.Errorf("Zones(us-west-1) = %v; want %v", got, want)
	}
	if got := ZoneNames("us-west-9"); got != nil {
		t.Errorf("Zones of an unknown region = %v; want nil", got)
	}
	for _, r := range RegionNames() {
		if zones := ZoneNames(r); len(zones) < 2 || !slices.IsSorted(zones) {
			t.Errorf("Zones(%s) = %v; want two or more, sorted", r, zones)
		}
	}
	if !slices.IsSorted(RegionNames()) || len(RegionNames()) < 30 {
		t.Errorf("Regions() = %v", RegionNames())
	}
}

func TestOffered(t *testing.T) {
	cases := []struct {
		where, typ string
		zone, reg  bool
	}{
		{"us-west-1a", "m7g.2xlarge", true, true},
		{"us-west-1c", "m7g.2xlarge", false, true},
		{"us-west-1a", "nonsense.large", false, false},
		{"af-south-1c", "m6gd.large", false, true},
		{"af-south-1b", "m6gd.large", true, true},
		{"mars-1a", "m7g.2xlarge", false, false},
		{"", "m7g.2xlarge", false, false},
	}
	for _, c := range cases {
		if got := IsOffered(c.where, c.typ); got != c.zone {
			t.Errorf("Offered(%q, %q) = %v", c.where, c.typ, got)
		}
		if c.where == "" {
			continue
		}
		if got := IsOfferedInRegion(c.where[:len(c.where)-1], c.typ); got != c.reg {
			t.Errorf("OfferedInRegion(region of %q, %q) = %v", c.where, c.typ, got)
		}
	}
}

// The tables must describe every offered type and offer every described type. Otherwise the loader would contradict itself.
func TestTablesAgree(t *testing.T) {
	offered := map[string]bool{}
	for name, r := range offerings() {
		for typ := range r.offers {
			offered[typ] = true
			if _, ok := Lookup(typ); !ok {
				t.Errorf("%s offers %s, which instances.tsv does not describe", name, typ)
			}
		}
	}
	for _, typ := range TypeNames() {
		if !offered[typ] {
			t.Errorf("%s is described and offered nowhere", typ)
		}
	}
}

func TestGraviton(t *testing.T) {
	for name, want := range map[string]int{
		"a1.large": 1, "t4g.nano": 2, "m6g.large": 2, "im4gn.4xlarge": 2, "g5g.xlarge": 2, "x2gd.metal": 2,
		"c7gn.large": 3, "m7g.2xlarge": 3, "c8g.large": 4, "i8ge.large": 4, "x8g.large": 4,
		"c7i.large": 0, "g5.xlarge": 0, "": 0, "nonsense": 0,
	} {
		if got := GravitonGeneration(name); got != want {
			t.Errorf("GravitonGeneration(%q) = %d; want %d", name, got, want)
		}
	}
	for _, name := range TypeNames() {
		typ, _ := Lookup(name)
		if arm := typ.Arch == "arm64"; arm != (GravitonGeneration(name) > 0) {
			family, _, _ := strings.Cut(name, ".")
			t.Errorf("%s is %s and GravitonGeneration returns %d: add family %s to generations", name, typ.Arch, GravitonGeneration(name), family)
		}
	}
}

// Most families have the digit of their generation. The other families are listed with their generation.
func TestGravitonGenerationOfEveryFamily(t *testing.T) {
	byDigit := map[byte]int{'6': 2, '7': 3, '8': 4}
	others := map[string]int{"a1": 1, "t4g": 2, "x2gd": 2, "im4gn": 2, "is4gen": 2, "i4g": 2, "g5g": 2}
	for family := range generations {
		want, listed := others[family]
		if !listed {
			want = byDigit[family[strings.IndexAny(family, "0123456789")]]
		}
		if got := GravitonGeneration(family + ".large"); got != want {
			t.Errorf("family %s has generation %d; want %d", family, got, want)
		}
	}
}

func TestNamesAreSorted(t *testing.T) {
	if !slices.IsSorted(TypeNames()) || !slices.IsSorted(RegionNames()) {
		t.Error("the names of types or regions are not sorted")
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		parseInstances(instancesTSV)
		parseOfferings(offeringsTSV)
	}
}
