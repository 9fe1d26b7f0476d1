// Package aws is the machine's view of AWS: its metadata, its parameters, its scaling group, its volume and interface, and its metrics. It
// decides nothing. Every call has a time limit and a few attempts, so that an endpoint that hangs costs its caller a while and never the agent.
package aws

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// The time limits of one attempt, and how many of them a call has. Metadata answers on the machine's own host in milliseconds; the SDK
// gives all attempts of a metadata call five seconds together.
const (
	metadataLimit = 2 * time.Second
	callLimit     = 10 * time.Second
	attempts      = 3
)

// Cloud is AWS, seen from one machine. It is safe for concurrent use.
type Cloud struct {
	limit       time.Duration
	metadata    metadata
	ec2         *ec2.Client
	systems     *systems
	autoscaling *autoscaling.Client
	cloudwatch  *cloudwatch.Client

	mutex    sync.Mutex
	identity Identity
	group    string
}

type settings struct {
	endpoint, metadata string
	limit, quick       time.Duration
}

// Option changes where a Cloud finds AWS, or how long it waits.
type Option func(*settings)

// Endpoint is where all services but the metadata are, such as http://127.0.0.1:5000; without it each is at its own public address.
func Endpoint(url string) Option { return func(s *settings) { s.endpoint = url } }

// Metadata is where the instance's metadata is, without a path; without it, http://169.254.169.254.
func Metadata(url string) Option { return func(s *settings) { s.metadata = url } }

// Limits are those of one attempt of a metadata call and of one of every other call.
func Limits(metadata, call time.Duration) Option {
	return func(s *settings) { s.quick, s.limit = metadata, call }
}

// New gives the region's AWS, with the credentials of the machine's role. It calls nothing. The SDK's config package was refused: it adds two
// megabytes to the agent for sources of credentials that a machine does not have.
func New(region string, options ...Option) *Cloud {
	s := settings{limit: callLimit, quick: metadataLimit}
	for _, option := range options {
		option(&s)
	}
	own := metadata{imds.New(imds.Options{
		Endpoint: s.metadata,
		// Never through a proxy: the metadata are the machine's own.
		HTTPClient: &http.Client{Timeout: s.quick, Transport: &http.Transport{MaxIdleConns: 1, IdleConnTimeout: time.Minute}},
		// Version 1 is closed by the launch template; asking for it would only hide why version 2 fails.
		EnableFallback: aws.FalseTernary,
		Retryer:        retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, s.quick/4 }),
		// Otherwise a backoff of its own takes the place of the one above.
		DisableDefaultMaxBackoff: true,
	})}
	role := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = own })
	config := aws.Config{
		Region: region,
		// Kept until five minutes before their end, or longer while the metadata are away: the provider stretches them.
		Credentials: aws.NewCredentialsCache(role, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute }),
		// A dozen metrics are not worth a compressor.
		DisableRequestCompression: true,
		HTTPClient:                awshttp.NewBuildableClient().WithTimeout(s.limit),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, s.limit/4 })
		},
	}
	if s.endpoint != "" {
		config.BaseEndpoint = &s.endpoint
	}
	return &Cloud{
		limit:    s.limit,
		metadata: own, ec2: ec2.NewFromConfig(config), systems: newSystems(config),
		autoscaling: autoscaling.NewFromConfig(config), cloudwatch: cloudwatch.NewFromConfig(config),
	}
}

// within bounds a call with all its attempts, pauses and the credentials that it may have to fetch first.
func (c *Cloud) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, (attempts+1)*c.limit)
}
