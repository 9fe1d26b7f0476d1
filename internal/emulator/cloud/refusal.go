package cloud

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
)

// Refusal is an error of the cloud's API: its code and its words. The change did not happen.
//
// The gRPC codes are such that the engine takes the resource for unchanged. The real, bridged provider answers with
// codes.Unknown to everything, after which the engine knows nothing of the resource.
type Refusal struct {
	Code codes.Code
	Text string
	// AfterSeconds is how many model seconds pass before the cloud says so.
	AfterSeconds float64
}

func (r *Refusal) Error() string { return r.Text }

func Refuse(format string, args ...any) error {
	return &Refusal{Code: codes.InvalidArgument, Text: fmt.Sprintf(format, args...)}
}

// RefuseInUse refuses to delete or to alter what something else uses.
func RefuseInUse(format string, args ...any) error {
	return &Refusal{Code: codes.FailedPrecondition, Text: fmt.Sprintf(format, args...)}
}

// RefuseNotFound refuses because something that was named does not exist.
func RefuseNotFound(format string, args ...any) error {
	return &Refusal{Code: codes.NotFound, Text: fmt.Sprintf(format, args...)}
}

// RefuseQuota refuses for a quota.
func RefuseQuota(format string, args ...any) error {
	return &Refusal{Code: codes.ResourceExhausted, Text: fmt.Sprintf(format, args...)}
}

// RefuseAfter refuses only after a wait, in model seconds.
func RefuseAfter(seconds float64, format string, args ...any) error {
	return &Refusal{Code: codes.FailedPrecondition, Text: fmt.Sprintf(format, args...), AfterSeconds: seconds}
}

func asRefusal(err error, r **Refusal) bool { return errors.As(err, r) }
