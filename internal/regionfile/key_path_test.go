package regionfile

import (
	"testing"

	"pgregory.net/rapid"
)

// A path leads back to its parents, whatever characters are in the key.
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
