package inventory_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// A stack owns a resource with its name and the right word, and never one with another stack's name, unless that name continues with such
// a word.
func TestLinkNames(t *testing.T) {
	var linkTypes []string
	for _, row := range restype.All() {
		if row.LinkName != "" {
			linkTypes = append(linkTypes, row.Token)
		}
	}
	if len(linkTypes) != 7 {
		t.Fatalf("%d types of a link, want 7", len(linkTypes))
	}
	rapid.Check(t, func(t *rapid.T) {
		stack := rapid.StringMatching(`[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,2}`)
		typ := rapid.SampledFrom(linkTypes).Draw(t, "type")
		ours, other := stack.Draw(t, "ours"), stack.Draw(t, "other")
		name := "beachhead-" + ours + "-" + restype.Lookup(typ).LinkName + "-" + rapid.StringMatching(`[a-z0-9-]{1,20}`).Draw(t, "key")
		if !inventory.IsLinkName(typ, ours, name) {
			t.Fatalf("%s is not %s's", name, ours)
		}
		for _, another := range linkTypes {
			if strings.HasPrefix(strings.TrimPrefix(ours, other+"-"), restype.Lookup(another).LinkName) {
				t.Skip()
			}
		}
		if other != ours && !strings.HasPrefix(other, ours+"-") && inventory.IsLinkName(typ, other, name) {
			t.Fatalf("%s is %s's and %s's", name, ours, other)
		}
	})
}
