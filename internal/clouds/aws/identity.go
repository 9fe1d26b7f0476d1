// Package aws queries AWS, read only: whose credentials these are, and what a stack owns in one region of the account.
package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

var (
	// ErrNoCredentials reports that no AWS credentials were found, or that AWS rejects them.
	ErrNoCredentials = errors.New("no AWS credentials that work")
	// ErrWrongAccount reports that the credentials belong to another account than the one in the region file.
	ErrWrongAccount = errors.New("wrong AWS account")
)

// identityTimeout bounds the identity check: at night a credentials helper that hangs must not look like progress.
const identityTimeout = 15 * time.Second

// CheckIdentity asks AWS which account the credentials belong to, before anything else uses them, and fails unless it is the account that
// the region file names. It returns the configuration of that call, for further queries. Errors wrap ErrNoCredentials or ErrWrongAccount
// and end with the next step.
func CheckIdentity(ctx context.Context, account, region string) (aws.Config, error) {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 2 })
	}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("%w: %w; set AWS_PROFILE to a profile of account %s", ErrNoCredentials, err, account)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fmt.Errorf(
			"%w: set AWS_PROFILE to a profile of account %s, run `aws sso login`, or add --emulated to work without a cloud",
			ErrNoCredentials, account)
	}
	caller, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return aws.Config{}, fmt.Errorf("%w: AWS in %s rejects them with %q; run `aws sso login`", ErrNoCredentials, region, cause(err))
	}
	if got := aws.ToString(caller.Account); got != account {
		return aws.Config{}, fmt.Errorf("%w: the credentials belong to account %s, but the region file names %s; set AWS_PROFILE to a profile "+
			"of account %s, or correct aws.account", ErrWrongAccount, got, account, account)
	}
	return cfg, nil
}
