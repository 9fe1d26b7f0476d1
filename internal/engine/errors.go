package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

var (
	// ErrLocked reports that another run has locked the stack.
	ErrLocked = errors.New("another run has locked this region's stack")
	// ErrRefused reports that the change would replace or delete a resource that must stay.
	ErrRefused = errors.New("refused, nothing was changed")
	// ErrUntouched reports that the operation failed before it changed anything.
	ErrUntouched = errors.New("nothing was changed")
	// ErrPassphrase reports that the stack's secrets cannot be decrypted.
	ErrPassphrase = errors.New("the passphrase of the stack's secrets is missing or incorrect")
	// ErrSecrets reports that the stack's configuration lacks secrets that the program reads.
	ErrSecrets = errors.New("the stack's configuration lacks secrets")
)

// lockedError returns an error that wraps ErrLocked, with the next step.
func lockedError(stack, since string) error {
	return fmt.Errorf("%w%s; wait until it ends, or, if its machine no longer exists, run `pulumi cancel --stack %s`", ErrLocked, since, stack)
}

// OperationError reports an operation that failed in the cloud or in the engine. It wraps no other error: its Diagnostics have everything.
type OperationError struct {
	Diagnostics []Diagnostic
	// Rest is the engine's last error message, for an operation without diagnostics.
	Rest string
}

// Error returns one line for each resource that failed.
func (f *OperationError) Error() string {
	var lines []string
	for _, d := range f.Diagnostics {
		if line := d.formatLine(); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return f.Rest
	}
	return strings.Join(lines, "\n")
}

// closingMessages are the engine's last diagnostics of a failed operation, which add nothing to the others.
var closingMessages = []string{"update failed", "preview failed", "destroy failed", "resource operations failed"}

// formatLine returns a diagnostic as one line, with the next step for a known error. It returns "" for the engine's closing message.
func (d Diagnostic) formatLine() string {
	message := strings.Join(strings.Fields(d.Message), " ")
	if slices.Contains(closingMessages, message) {
		return ""
	}
	if step := nextStep(message); step != "" {
		message += "; " + step
	}
	if d.URN == "" {
		return message
	}
	urn := resource.URN(d.URN)
	return fmt.Sprintf("%s (%s): %s", urn.Name(), urn.Type(), message)
}

// nextSteps are the next steps for errors of the cloud, by the API's error codes. The first that matches counts.
var nextSteps = []struct{ code, step string }{
	{"AWS account ID not allowed", "use credentials of the account that aws.account names, or correct aws.account"},
	{
		"AddressLimitExceeded",
		"request an increase of quota L-0263D0A3, or use fewer addresses: network.addresses, network.egress, network.keep",
	},
	{"VpcLimitExceeded", "request an increase of quota L-F678F1CE, or delete a VPC that is not in use"},
	{"InternetGatewayLimitExceeded", "request an increase of quota L-A4707A72, or delete a VPC that is not in use"},
	{"NatGatewayLimitExceeded", "request an increase of quota L-FE5A380F, or delete a NAT gateway that is not in use"},
	{"InsufficientInstanceCapacity", "AWS has no capacity for this instance type in this zone: retry, or add instance types or another zone"},
	{"RequestLimitExceeded", "AWS is throttling this account: retry in a minute"},
	{"Throttling", "AWS is throttling this account: retry in a minute"},
	{"UnauthorizedOperation", "allow this action to the identity that runs this"},
	{"AccessDenied", "allow this action to the identity that runs this"},
	{"ExpiredToken", "run `aws sso login`, or renew the credentials"},
	{"i/o timeout", "the region, or the network to it, is down: retry, or bring up another region"},
	{"no such host", "the region, or the network to it, is down: retry, or bring up another region"},
}

// nextStep returns the next step for an error of the cloud; empty for an unknown one.
func nextStep(message string) string {
	for _, n := range nextSteps {
		if strings.Contains(message, n.code) {
			return n.step
		}
	}
	return ""
}

// classifyError turns an error of the Automation API into one of this package's. The API distinguishes its errors by their text, so the
// order of the cases matters.
func classifyError(stack string, err error, r *record) error {
	switch {
	case err == nil:
		return nil
	case auto.IsConcurrentUpdateError(err):
		return lockedError(stack, "")
	case strings.Contains(err.Error(), "passphrase must be set") || strings.Contains(err.Error(), "incorrect passphrase"):
		return fmt.Errorf("%w: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE", ErrPassphrase)
	}
	f := &OperationError{Rest: findErrorLine(err.Error())}
	if r != nil {
		f.Diagnostics = r.errors
	}
	return f
}

// findErrorLine returns the line of the Automation API's long report that has the error.
func findErrorLine(report string) string {
	first := ""
	for line := range strings.SplitSeq(report, "\n") {
		line = strings.TrimSpace(line)
		if rest, found := strings.CutPrefix(line, "error: "); found {
			return rest
		}
		if rest, found := strings.CutPrefix(line, "stderr: error: "); found {
			return rest
		}
		if first == "" {
			first = line
		}
	}
	return first
}
