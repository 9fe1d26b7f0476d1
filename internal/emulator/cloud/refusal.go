package cloud

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
)

// RefusalError is an error of the cloud's API: its code and its words. The change did not happen. With these gRPC codes, the engine
// considers the resource unchanged. The real, bridged provider answers codes.Unknown to everything, after which the engine knows
// nothing of the resource.
type RefusalError struct {
	Code codes.Code
	Text string
	// AfterSeconds is how many model seconds pass before the cloud refuses.
	AfterSeconds float64
}

func (r *RefusalError) Error() string { return r.Text }

// Refuse returns the error for inputs that the cloud refuses.
func Refuse(format string, args ...any) error {
	return &RefusalError{Code: codes.InvalidArgument, Text: fmt.Sprintf(format, args...)}
}

// RefuseInUse returns the error for a change of a record that another one uses.
func RefuseInUse(format string, args ...any) error {
	return &RefusalError{Code: codes.FailedPrecondition, Text: fmt.Sprintf(format, args...)}
}

// RefuseNotFound returns the error for an absent resource.
func RefuseNotFound(format string, args ...any) error {
	return &RefusalError{Code: codes.NotFound, Text: fmt.Sprintf(format, args...)}
}

// RefuseQuota returns the error for an exceeded quota.
func RefuseQuota(format string, args ...any) error {
	return &RefusalError{Code: codes.ResourceExhausted, Text: fmt.Sprintf(format, args...)}
}

// RefuseAfter returns an error that the cloud reports only after some model seconds.
func RefuseAfter(seconds float64, format string, args ...any) error {
	return &RefusalError{Code: codes.FailedPrecondition, Text: fmt.Sprintf(format, args...), AfterSeconds: seconds}
}

func asRefusal(err error, r **RefusalError) bool { return errors.As(err, r) }
