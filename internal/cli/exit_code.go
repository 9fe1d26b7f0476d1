package cli

import (
	"context"
	"errors"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/session"
)

// The exit codes. The README lists them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnverified  = check.ExitNotPassed
	exitLocked      = 4
	exitInterrupted = 130
)

// exitCode returns the exit code of a command that failed with err.
func exitCode(ctx context.Context, err error) int {
	var usage session.UsageError
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, check.ErrNotPassed):
		return exitUnverified
	case errors.Is(err, engine.ErrLocked):
		return exitLocked
	}
	return exitFailed
}
