// Package clouds has what the packages that query a cloud share: the search in several clouds at once, and one error for many queries.
package clouds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/beachhead-build/beachhead/internal/inventory"
)

// ErrNotAllowed reports that the credentials lack permissions to search for what a killed run left behind.
var ErrNotAllowed = errors.New("not allowed to search for what an earlier run left behind")

// SearchTimeout bounds the search in one cloud. It is longer than the timeout of the identity check: there are more calls, and a busy
// account answers some of them only after retries.
const SearchTimeout = time.Minute

// Joined finds what a stack owns in several clouds.
type Joined []inventory.Finder

var _ inventory.Finder = Joined(nil)

// FindOwned returns what the stack owns in any of the clouds, or an error for each cloud whose search failed.
func (j Joined) FindOwned(ctx context.Context, stack string) ([]inventory.Resource, error) {
	owned, errs := make([][]inventory.Resource, len(j)), make([]error, len(j))
	var running sync.WaitGroup
	for i, finder := range j {
		running.Go(func() { owned[i], errs[i] = finder.FindOwned(ctx, stack) })
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return slices.Concat(owned...), nil
}

// Query is one or more calls to a cloud about one subject.
type Query func(context.Context) error

// RunAll runs queries in parallel and returns their errors. Every query runs to its end, also after another one has failed, so that the
// caller can report all missing permissions at once.
func RunAll(ctx context.Context, queries []Query) []error {
	errs := make([]error, len(queries))
	var running sync.WaitGroup
	for i, query := range queries {
		running.Go(func() { errs[i] = query(ctx) })
	}
	running.Wait()
	return errs
}

// Failure is the error of a query, as its cloud explains it.
type Failure struct {
	// Permission is the IAM permission of the call that failed.
	Permission string
	// Denied reports whether the credentials lack that permission.
	Denied bool
	// Cause is the API's error code, or the innermost error when no answer arrived.
	Cause string
	Err   error
}

// Summarize returns one error for the failures of all queries to a cloud: the missing permissions, or else the first failure. It returns
// nil when there are none. Errors end with the next step, and wrap ErrNotAllowed where permissions are missing: an incomplete search must
// not look like one that found nothing.
func Summarize(ctx context.Context, cloud string, failures []Failure) error {
	var missing []string
	var first *Failure
	for _, failure := range failures {
		switch {
		case failure.Denied:
			missing = append(missing, failure.Permission)
		case first == nil:
			first = &failure
		}
	}
	switch {
	case len(missing) > 0:
		slices.Sort(missing)
		return fmt.Errorf("%w: %s denies %s; allow these actions to the identity that runs this, then run the command again",
			ErrNotAllowed, cloud, strings.Join(slices.Compact(missing), ", "))
	case first == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer %s within %s; run the command again: %w", cloud, first.Permission, SearchTimeout, ctx.Err())
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &shortError{text: fmt.Sprintf("%s: %s failed with %q; run the command again", cloud, first.Permission, first.Cause), err: first.Err}
}

// shortError is an API's error in few words. The SDK's own text has request ids and retries in it, over several lines.
type shortError struct {
	text string
	err  error
}

func (e *shortError) Error() string { return e.text }

func (e *shortError) Unwrap() error { return e.err }

// InnermostCause returns the text of the innermost error that an error wraps.
func InnermostCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
