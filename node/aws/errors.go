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

// The kinds of failure that callers tell apart. Each says what to do.
var (
	// ErrNotFound is about a parameter, a volume, an interface or an attachment that AWS does not know.
	ErrNotFound = errors.New("there is no such thing; beachhead up makes what the stack wants")
	// ErrDenied is a refusal of the machine's role, or of its signature.
	ErrDenied = errors.New("the machine's role may not do that, or its clock is wrong; check the role's policy against that of beachhead preview, then timedatectl")
	// ErrBusy is a thing that is in a state in which AWS cannot do what was asked, such as a volume that another machine has.
	ErrBusy = errors.New("it is not in a state for that now; it is tried again, and the error says what has it")
	// ErrUnavailable is a service that does not answer, fails, or wants fewer calls.
	ErrUnavailable = errors.New("AWS or the way to it fails; it is tried again: check the route out, the endpoint's security group, and the AWS health dashboard")
)

// errorKinds are the error codes of the services, by what they mean to a machine. Source: the "Error codes" chapters of the EC2 and Systems Manager
// API references and "Common errors" of both query services.
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

// wrapError puts the call before an error and its kind behind it, once.
func wrapError(call string, err error) error {
	if kind := classifyError(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%s: %w: %w", call, err, kind)
	}
	return fmt.Errorf("%s: %w", call, err)
}

func classifyError(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil // the caller's own doing
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

// ErrorCode is the service's own code for an error, such as VolumeInUse; "" when it did not come to an answer.
func ErrorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// ErrorKind names what is wrong with a call, the same for two failures for the same reason, whereas their errors differ by the request's id.
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
