package preflight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/beachhead-build/beachhead/internal/engine"
)

// ErrNotAllowed says that the credentials may not look for what a killed run left behind.
var ErrNotAllowed = errors.New("not allowed to look for what an earlier run left behind")

// inventoryPatience bounds the whole question. It is longer than that for the identity: there are more calls, and an account that is
// busy answers some of them only when asked again.
const inventoryPatience = time.Minute

// nameTag is the tag in which a resource carries its name in the program.
const nameTag = "Name"

// Joined are the inventories of all clouds that a stack has anything in.
type Joined []engine.Inventory

// Owned gives what the stack owns in any of them, or an error for each that does not say.
func (j Joined) Owned(ctx context.Context, stack string) ([]engine.Owned, error) {
	owned, errs := make([][]engine.Owned, len(j)), make([]error, len(j))
	var asking sync.WaitGroup
	for i, inventory := range j {
		asking.Go(func() { owned[i], errs[i] = inventory.Owned(ctx, stack) })
	}
	asking.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return slices.Concat(owned...), nil
}

// Account finds what stacks own in one region of an AWS account, read only.
//
// It asks the services themselves. The tagging API would do it in one call, and was refused: it lists what is gone, for hours, and
// does not list what was made a moment ago, which is what this is for.
type Account struct{ cfg aws.Config }

var _ engine.Inventory = (*Account)(nil)

// Inventory gives the account and region that a configuration is for.
func Inventory(cfg aws.Config) *Account {
	cfg = cfg.Copy()
	// The account is known to answer, so a refusal for being asked too often is worth waiting out.
	cfg.Retryer = func() aws.Retryer { return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 5 }) }
	return &Account{cfg: cfg}
}

// Owned gives everything that carries the stack's tag, and what hangs on it and takes none. Left out is what does no harm when it is made
// again, and goes with what it hangs on: a role's policies, a bucket's settings and objects, which are overwritten; a topic's
// subscriptions, of which SNS keeps the one that is there; a route table's propagations, which are a switch; a VPC's default security
// group, which is adopted. Left out, too, is the attachment of a VPN gateway: the provider cannot import it.
//
// Errors end with the next step, and wrap ErrNotAllowed where permissions are missing: not to know is not the same as that there is
// nothing.
func (a *Account) Owned(ctx context.Context, stack string) ([]engine.Owned, error) {
	ctx, cancel := context.WithTimeout(ctx, inventoryPatience)
	defer cancel()
	vpc, named := newNetwork(a.cfg, stack), newNamed(a.cfg, stack)
	questions := slices.Concat(vpc.questions(), named.questions())
	// All are asked to the end, also after one has failed, so that every missing permission is told at once.
	errs := make([]error, len(questions))
	var asking sync.WaitGroup
	for i, ask := range questions {
		asking.Go(func() { errs[i] = ask(ctx) })
	}
	asking.Wait()
	if err := refused(ctx, "AWS in "+a.cfg.Region, errs); err != nil {
		return nil, err
	}
	owned := append(vpc.owned(), named.owned...)
	slices.SortFunc(owned, func(x, y engine.Owned) int { return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.ID, y.ID)) })
	return owned, nil
}

// refused makes one error of those of all questions to a cloud: the permissions that are missing, or else the first that failed.
func refused(ctx context.Context, cloud string, errs []error) error {
	var missing []string
	var first error
	for _, err := range errs {
		switch {
		case err == nil:
		case isDenied(err):
			missing = append(missing, permission(err))
		case first == nil:
			first = err
		}
	}
	switch {
	case len(missing) > 0:
		slices.Sort(missing)
		return fmt.Errorf("%w: %s refuses %s; allow that to whoever runs this, then run again",
			ErrNotAllowed, cloud, strings.Join(slices.Compact(missing), ", "))
	case first == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s has not answered %s within %s; run again: %w", cloud, permission(first), inventoryPatience, ctx.Err())
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &refusal{said: fmt.Sprintf("%s answers %s with %q; run again", cloud, permission(first), cause(first)), err: first}
}

// refusal is an API's error in few words: the SDK's own text has request ids and retries in it, over several lines.
type refusal struct {
	said string
	err  error
}

func (r *refusal) Error() string { return r.said }

func (r *refusal) Unwrap() error { return r.err }

// isDenied says that permissions are missing. EC2, SNS and GCP have their own words for it, and so have the services that speak JSON.
func isDenied(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "forbidden":
		return true
	}
	return false
}

// permission is the IAM action of the call that failed. The innermost call counts: to ask EC2 may need a role to be assumed first.
func permission(err error) string {
	if inGoogle := (*googleError)(nil); errors.As(err, &inGoogle) {
		return inGoogle.permission()
	}
	action := "the API"
	var op *smithy.OperationError
	for errors.As(err, &op) {
		prefix, isOurs := map[string]string{"Auto Scaling": "autoscaling", "CloudWatch Logs": "logs"}[op.Service()]
		if !isOurs {
			prefix = strings.ToLower(strings.ReplaceAll(op.Service(), " ", ""))
		}
		action, err = prefix+":"+op.Operation(), op.Err
	}
	// The one call of these whose permission has another name.
	if action == "s3:ListBuckets" {
		return "s3:ListAllMyBuckets"
	}
	return action
}

// pages is any of the SDK's paginators.
type pages[Page, Options any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*Options)) (*Page, error)
}

func eachPage[Page, Options any](ctx context.Context, from pages[Page, Options], take func(*Page)) error {
	for from.HasMorePages() {
		page, err := from.NextPage(ctx)
		if err != nil {
			return err
		}
		take(page)
	}
	return nil
}
