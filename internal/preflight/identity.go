// Package preflight asks the cloud, read only, whether a plan can work there.
package preflight

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

var (
	// ErrNoCredentials says that nothing gives AWS credentials, or that AWS does not take them.
	ErrNoCredentials = errors.New("no AWS credentials that work")
	// ErrWrongAccount says that the credentials belong to another account than the region file names.
	ErrWrongAccount = errors.New("wrong AWS account")
)

// patience bounds the question: at night a credentials helper that hangs must not look like progress.
const patience = 15 * time.Second

// Identity asks AWS whose the credentials are, before anything else is done with them, and fails unless it is the account that the
// region file names. It gives the configuration with which it asked, for further questions. Errors wrap ErrNoCredentials or
// ErrWrongAccount and end with the next step.
func Identity(ctx context.Context, account, region string) (aws.Config, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 2 })
	}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("%w: %w; set AWS_PROFILE to a profile of account %s", ErrNoCredentials, err, account)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fmt.Errorf(
			"%w: set AWS_PROFILE to a profile of account %s, run `aws sso login`, or add --emulated to stay off the cloud",
			ErrNoCredentials, account)
	}
	caller, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return aws.Config{}, fmt.Errorf("%w: AWS in %s answers %q; log in again", ErrNoCredentials, region, cause(err))
	}
	if got := aws.ToString(caller.Account); got != account {
		return aws.Config{}, fmt.Errorf("%w: the credentials are account %s's, the region file says %s; set AWS_PROFILE, or mend aws.account",
			ErrWrongAccount, got, account)
	}
	return cfg, nil
}

// cause is the API's own word for an error, or the innermost error when it never got that far.
func cause(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
