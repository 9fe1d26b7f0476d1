package cloud

import (
	"fmt"
	"testing"
	"time"
)

// With a pace what is left of the wait counts, and nothing after the router is free again.
func TestQueueAtAPace(t *testing.T) {
	q, k, now := NewQueue(), Key{ID: "router"}, time.Unix(0, 0)
	for i, c := range []struct {
		after time.Duration
		want  float64
	}{{0, 0}, {0, 32}, {100 * time.Millisecond, 58}, {2 * time.Second, 0}} {
		if got := q.reserveTurn(k, 32, now.Add(c.after), 60); fmt.Sprintf("%.3f", got) != fmt.Sprintf("%.3f", c.want) {
			t.Errorf("call %d waits %v, want %v", i, got, c.want)
		}
	}
}
