package emulator

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refusal is an error of the cloud's API: its code and its words. The change did not happen.
//
// The gRPC codes are such that the engine takes the resource for unchanged. The real, bridged provider answers with
// codes.Unknown to everything, after which the engine knows nothing of the resource.
type refusal struct {
	code codes.Code
	text string
	// after is how many model seconds pass before the cloud says so.
	after float64
}

func (r *refusal) Error() string { return r.text }

func refused(format string, args ...any) error {
	return &refusal{code: codes.InvalidArgument, text: fmt.Sprintf(format, args...)}
}

// inUse refuses to delete or to alter what something else uses.
func inUse(format string, args ...any) error {
	return &refusal{code: codes.FailedPrecondition, text: fmt.Sprintf(format, args...)}
}

// exceeded refuses for a quota.
func exceeded(format string, args ...any) error {
	return &refusal{code: codes.ResourceExhausted, text: fmt.Sprintf(format, args...)}
}

// late refuses only after a wait, in model seconds.
func late(seconds float64, format string, args ...any) error {
	return &refusal{code: codes.FailedPrecondition, text: fmt.Sprintf(format, args...), after: seconds}
}

// asStatus gives an error the gRPC code with which the engine is to see it.
func asStatus(err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return status.Error(r.code, err.Error())
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Internal, err.Error())
}

func asRefusal(err error, r **refusal) bool { return errors.As(err, r) }
