package regionfile

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"1GiB": 1, "200GiB": 200, "2TiB": 2048, "1024GiB": 1024, "0GiB": 0} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "200", "200GB", "200 GiB", "-1GiB", "1.5TiB", "2tib", "GiB", "9999999999GiB", "0x10GiB"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %d", text, got)
		}
	}
	for size, want := range map[Size]string{0: "0GiB", 1023: "1023GiB", 1024: "1TiB", 1025: "1025GiB", 65536: "64TiB"} {
		if size.String() != want {
			t.Errorf("%d prints as %s; want %s", size, size, want)
		}
	}
	if (2 * TiB).GiB() != 2048 {
		t.Error("2TiB is not 2048 GiB")
	}
}

func TestDurationPrints(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Minute: "10m", 90 * time.Minute: "1h30m", 2 * time.Hour: "2h", time.Hour + time.Second: "1h0m1s", 30 * time.Second: "30s", 0: "0s",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v prints as %s; want %s", d, got, want)
		}
	}
}

func TestScalarsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, s := Duration(rapid.Int64().Draw(t, "duration")), Size(rapid.Int64Range(0, 999_999_999).Draw(t, "size"))
		var gotD Duration
		var gotS Size
		if err := gotD.UnmarshalText([]byte(d.String())); err != nil || gotD != d {
			t.Fatalf("%s came back as %s: %v", d, gotD, err)
		}
		if err := gotS.UnmarshalText([]byte(s.String())); err != nil || gotS != s {
			t.Fatalf("%s came back as %s: %v", s, gotS, err)
		}
	})
}

func TestSuggestName(t *testing.T) {
	keys := []string{"cidr", "egress", "keep", "addresses"}
	for name, want := range map[string]string{
		"cdir": "cidr", "CIDR": "cidr", "cidrs": "cidr", "egres": "egress", "adresses": "addresses", "address": "addresses",
		"zones": "", "": "", "x": "", "kp": "", "keeep": "keep",
	} {
		if got := suggestName(name, keys); got != want {
			t.Errorf("nearest(%q) = %q; want %q", name, got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"cidr", "cdir", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("edits(%q, %q) = %d; want %d", c.a, c.b, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if d := editDistance(a, b); d != editDistance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) {
			t.Fatalf("edits = %d", d)
		}
	})
}

// A key's place leads back to its parents, whatever letters are in it.
func TestParentPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := []keyPath{""}
		for range rapid.IntRange(1, 5).Draw(t, "depth") {
			last := parts[len(parts)-1]
			if last != "" && rapid.Bool().Draw(t, "list") {
				parts = append(parts, last.item(rapid.IntRange(0, 99).Draw(t, "i")))
			} else {
				parts = append(parts, last.child(rapid.StringN(1, 8, 40).Draw(t, "key")))
			}
		}
		for i := len(parts) - 1; i > 0; i-- {
			if got := parts[i].parentPath(); got != parts[i-1] {
				t.Fatalf("parent of %q is %q; want %q", parts[i], got, parts[i-1])
			}
		}
	})
}

func TestEnumsAreClosed(t *testing.T) {
	for _, e := range []enum{Posture(""), Egress(""), Arch(""), Image(""), AgentKind(""), Link(""), Path(""), GoogleAPIs("")} {
		values := e.Values()
		if len(values) == 0 || slices.Contains(values, "") || !isAllowed(e, values[0]) || isAllowed(e, "nonsense") {
			t.Errorf("%T: %v", e, values)
		}
	}
	if got := joinOr([]string{"a", "b", "c"}); got != "a, b or c" {
		t.Errorf("either: %s", got)
	}
	if got := joinAnd([]string{"a"}); got != "a" {
		t.Errorf("both: %s", got)
	}
}
