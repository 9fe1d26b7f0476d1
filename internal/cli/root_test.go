package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/engine"
)

func TestExitCodes(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	cases := []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"a failure", t.Context(), errors.New("broken"), 1},
		{"usage", t.Context(), usageError("what?"), 2},
		{"usage, wrapped", t.Context(), fmt.Errorf("drill: %w", usageError("what?")), 2},
		{"verification", t.Context(), fmt.Errorf("%w: 2 probes", check.ErrNotPassed), 3},
		{"locked", t.Context(), fmt.Errorf("up: %w", engine.ErrLocked), 4},
		{"interrupted, whatever it broke", interrupted, engine.ErrLocked, 130},
	}
	for _, c := range cases {
		if got := exitCode(c.ctx, c.err); got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.want)
		}
	}
}
