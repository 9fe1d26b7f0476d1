package stacks

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/artifacts"
	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/components/network"
	"github.com/beachhead-build/beachhead/components/watch"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// Programs read outputs by the names in Outputs, so the stack must export exactly those.
func TestOutputsHaveTheNamesOfTheirType(t *testing.T) {
	r := &region{
		plan: &plan.Plan{}, net: &network.Network{}, watch: &watch.Watch{}, artifacts: &artifacts.Artifacts{}, cache: &cache.ShardedCache{},
		link: &gcplink.Link{},
	}
	all := r.listOutputs()
	for what, pair := range map[string]struct {
		typ reflect.Type
		has pulumi.Map
	}{
		"outputs":             {reflect.TypeFor[Outputs](), all},
		"outputs of a cache":  {reflect.TypeFor[CacheOutputs](), all["cache"].(pulumi.Map)},
		"outputs of the link": {reflect.TypeFor[LinkOutputs](), all["link"].(pulumi.Map)},
	} {
		var want []string
		for field := range pair.typ.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			want = append(want, name)
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(pair.has)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
}
