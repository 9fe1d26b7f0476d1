package cloud

import (
	"testing"
)

func TestAddressPool(t *testing.T) {
	c := &Call{State: newState(NewRegistry())}
	seen := map[string]bool{}
	for range 1 << 17 {
		seen[c.NewAddress()] = true
	}
	if len(seen) != 1<<17 {
		t.Errorf("%d addresses of %d", len(seen), 1<<17)
	}
}
