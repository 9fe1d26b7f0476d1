package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The kinds of failure that callers distinguish. Each text contains the next step.
var (
	// ErrNotFound means that AWS does not know a parameter, volume, network interface or attachment.
	ErrNotFound = errors.New("AWS does not have it; run `beachhead up` to create what the stack needs")
	// ErrDenied means that AWS refused the machine's role or its signature.
	ErrDenied = errors.New("AWS refused the request; compare the role's policy with the one in `beachhead preview REGION`, " +
		"then check the clock with `timedatectl`")
	// ErrBusy means that the resource's state does not allow the request now, for example because a volume is attached
	// to another machine.
	ErrBusy = errors.New("its state does not allow this request now; the agent retries")
	// ErrUnavailable means that a service is unreachable, fails or throttles the machine.
	ErrUnavailable = errors.New("AWS is unreachable, fails or throttles this machine; the agent retries; check the egress route, " +
		"the endpoint's security group and the AWS Health Dashboard")
)

// errorKinds maps the error codes of the services to the kinds of failure. Source: the "Error codes" chapters of the
// EC2 and Systems Manager API references, and "Common errors" of both query services.
var errorKinds = map[string]error{
	"ParameterNotFound":                  ErrNotFound,
	"ParameterVersionNotFound":           ErrNotFound,
	"InvalidVolume.NotFound":             ErrNotFound,
	"InvalidNetworkInterfaceID.NotFound": ErrNotFound,
	"InvalidInstanceID.NotFound":         ErrNotFound,
	"InvalidAttachment.NotFound":         ErrNotFound,
	"InvalidAttachmentID.NotFound":       ErrNotFound,

	"AccessDenied":                ErrDenied,
	"AccessDeniedException":       ErrDenied,
	"UnauthorizedOperation":       ErrDenied,
	"AuthFailure":                 ErrDenied,
	"ExpiredToken":                ErrDenied,
	"ExpiredTokenException":       ErrDenied,
	"InvalidClientTokenId":        ErrDenied,
	"InvalidSignatureException":   ErrDenied,
	"RequestExpired":              ErrDenied,
	"SignatureDoesNotMatch":       ErrDenied,
	"UnrecognizedClientException": ErrDenied,

	"VolumeInUse":                   ErrBusy,
	"IncorrectState":                ErrBusy,
	"IncorrectInstanceState":        ErrBusy,
	"InvalidNetworkInterface.InUse": ErrBusy,
	"ResourceContention":            ErrBusy,
	"ScalingActivityInProgress":     ErrBusy,

	"TooManyUpdates": ErrUnavailable,
}

// wrapError adds the call and, once, the kind of the failure to an error.
func wrapError(call string, err error) error {
	if kind := classifyError(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%s: %w: %w", call, err, kind)
	}
	return fmt.Errorf("%s: %w", call, err)
}

// classifyError returns the kind of a failure, or nil for an error of no known kind.
func classifyError(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil // the caller canceled the call
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		code := api.ErrorCode()
		if kind, known := errorKinds[code]; known {
			return kind
		}
		if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
			return ErrUnavailable
		}
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError {
		return ErrUnavailable
	}
	var sending *smithyhttp.RequestSendError
	var network net.Error
	if errors.As(err, &sending) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) {
		return ErrUnavailable
	}
	return nil
}

// ErrorCode returns the service's own code for an error, such as VolumeInUse, or "" when the service sent no answer.
func ErrorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// ErrorKind returns a text that is equal for two failures with the same cause. Their errors differ by the id of the
// request.
func ErrorKind(err error) string {
	if code := ErrorCode(err); code != "" {
		return code
	}
	for _, kind := range []error{ErrNotFound, ErrDenied, ErrBusy, ErrUnavailable} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return err.Error()
}
