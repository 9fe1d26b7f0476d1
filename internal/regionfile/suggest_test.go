package regionfile

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSuggestName(t *testing.T) {
	keys := []string{"cidr", "egress", "keep", "addresses"}
	for name, want := range map[string]string{
		"cdir": "cidr", "CIDR": "cidr", "cidrs": "cidr", "egres": "egress", "adresses": "addresses", "address": "addresses",
		"zones": "", "": "", "x": "", "kp": "", "keeep": "keep",
	} {
		if got := suggestName(name, keys); got != want {
			t.Errorf("suggestName(%q) = %q; want %q", name, got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"cidr", "cdir", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("editDistance(%q, %q) = %d; want %d", c.a, c.b, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if d := editDistance(a, b); d != editDistance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) {
			t.Fatalf("editDistance = %d", d)
		}
	})
}
