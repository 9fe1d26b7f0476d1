package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

var (
	// ErrLocked says that another run holds the stack.
	ErrLocked = errors.New("another run holds this region's stack")
	// ErrRefused says that the change would replace or delete what must stay.
	ErrRefused = errors.New("refused, nothing was changed")
	// ErrUntouched says that it went wrong before anything was changed.
	ErrUntouched = errors.New("nothing was changed")
	// ErrPassphrase says that the stack's secrets cannot be opened.
	ErrPassphrase = errors.New("the stack's secrets need their passphrase")
	// ErrSecrets says that the stack's configuration lacks secrets that the program reads.
	ErrSecrets = errors.New("the stack's configuration lacks secrets")
)

// Failure is an operation that the cloud or the engine ended. It unwraps to nothing more: its Diagnostics say all there is.
type Failure struct {
	Diagnostics []Diagnostic
	// Rest is the engine's own last words, when it gave no diagnostics.
	Rest string
}

// Error gives one line for each thing that failed.
func (f *Failure) Error() string {
	if len(f.Diagnostics) == 0 {
		return f.Rest
	}
	lines := &multierror.Error{ErrorFormat: func(errs []error) string {
		var out []string
		for _, err := range errs {
			out = append(out, err.Error())
		}
		return strings.Join(out, "\n")
	}}
	seen := map[string]bool{}
	for _, d := range f.Diagnostics {
		line := d.line()
		// The engine closes with "update failed", which tells nobody anything.
		if line == "" || seen[line] {
			continue
		}
		seen[line] = true
		lines = multierror.Append(lines, errors.New(line))
	}
	if lines.Len() == 0 {
		return f.Rest
	}
	return lines.Error()
}

func (d Diagnostic) line() string {
	message := strings.Join(strings.Fields(d.Message), " ")
	for _, noise := range []string{"update failed", "preview failed", "destroy failed", "resource operations failed"} {
		if message == noise {
			return ""
		}
	}
	message += advice(message)
	if d.URN == "" {
		return message
	}
	urn := resource.URN(d.URN)
	return fmt.Sprintf("%s (%s): %s", urn.Name(), urn.Type(), message)
}

// nextSteps are what to do about errors of the cloud, by the API's own words for them. The first that fits counts.
var nextSteps = []struct{ word, step string }{
	{"AWS account ID not allowed", "use credentials of the account that aws.account names, or mend aws.account"},
	{"AddressLimitExceeded", "have quota L-0263D0A3 raised, or need fewer addresses: network.addresses, network.egress, network.keep"},
	{"VpcLimitExceeded", "have quota L-F678F1CE raised, or delete a VPC that nobody uses"},
	{"InternetGatewayLimitExceeded", "have quota L-A4707A72 raised, or delete a VPC that nobody uses"},
	{"NatGatewayLimitExceeded", "have quota L-FE5A380F raised, or delete a NAT gateway that nobody uses"},
	{"InsufficientInstanceCapacity", "the zone has no machine of the type just now: try again, or give more instance types or another zone"},
	{"RequestLimitExceeded", "the account is asking too much at once: wait a minute"},
	{"Throttling", "the account is asking too much at once: wait a minute"},
	{"UnauthorizedOperation", "allow the action to whoever runs this"},
	{"AccessDenied", "allow the action to whoever runs this"},
	{"ExpiredToken", "log in again"},
	{"i/o timeout", "the region, or the way to it, is down: try again, or bring up another region"},
	{"no such host", "the region, or the way to it, is down: try again, or bring up another region"},
}

// advice is the next step for an error of the cloud, with what joins it to the error; empty for one that is not known.
func advice(message string) string {
	for _, n := range nextSteps {
		if strings.Contains(message, n.word) {
			return "; " + n.step
		}
	}
	return ""
}

// classify gives an error of the Automation API its kind. The order matters: the API tells its errors apart by their text.
func classify(err error, r *record) error {
	switch {
	case err == nil:
		return nil
	case auto.IsConcurrentUpdateError(err):
		return fmt.Errorf("%w; wait for it to end, or run `pulumi cancel` when its machine is gone", ErrLocked)
	case strings.Contains(err.Error(), "passphrase must be set") || strings.Contains(err.Error(), "incorrect passphrase"):
		return fmt.Errorf("%w: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE", ErrPassphrase)
	}
	f := &Failure{Rest: lastWords(err.Error())}
	if r != nil {
		f.Diagnostics = r.errors
	}
	return f
}

// lastWords picks the line of the Automation API's long report that says what went wrong.
func lastWords(report string) string {
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
