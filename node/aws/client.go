// Package aws is the agent's client of AWS, as one machine sees it: instance metadata, Parameter Store, lifecycle
// hooks, volumes, network interfaces and metrics. It makes no decisions. Every call has a timeout and a few attempts,
// so an endpoint that hangs delays its caller but never blocks the agent.
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

// The timeouts of one attempt, and the number of attempts of a call. The metadata service answers on the machine's own
// host within milliseconds; the SDK limits all attempts of one metadata call together to five seconds.
const (
	metadataTimeout = 2 * time.Second
	callTimeout     = 10 * time.Second
	maxAttempts     = 3
)

// Client calls AWS with the credentials of the machine's role. It is safe for concurrent use.
type Client struct {
	timeout     time.Duration
	metadata    metadataClient
	ec2         *ec2.Client
	ssm         *ssmClient
	autoscaling *autoscaling.Client
	cloudwatch  *cloudwatch.Client

	mutex    sync.Mutex
	identity Identity
	group    string
}

type clientOptions struct {
	endpoint, metadataEndpoint   string
	callTimeout, metadataTimeout time.Duration
}

// Option configures a Client.
type Option func(*clientOptions)

// WithEndpoint sets the URL of all services except the metadata service, such as http://127.0.0.1:5000. By default,
// each service has its own public address.
func WithEndpoint(url string) Option { return func(s *clientOptions) { s.endpoint = url } }

// WithMetadataEndpoint sets the URL of the metadata service, with no path. The default is http://169.254.169.254.
func WithMetadataEndpoint(url string) Option {
	return func(s *clientOptions) { s.metadataEndpoint = url }
}

// WithTimeouts sets the timeout of one attempt of a metadata call and of one attempt of every other call.
func WithTimeouts(metadata, call time.Duration) Option {
	return func(s *clientOptions) { s.metadataTimeout, s.callTimeout = metadata, call }
}

// New returns a client for a region, with the credentials of the machine's role. It makes no call. We do not use the
// SDK's config package: it adds two megabytes to the agent for sources of credentials that a machine does not have.
func New(region string, options ...Option) *Client {
	s := clientOptions{callTimeout: callTimeout, metadataTimeout: metadataTimeout}
	for _, option := range options {
		option(&s)
	}
	own := metadataClient{imds.New(imds.Options{
		Endpoint: s.metadataEndpoint,
		// The metadata service is on the machine's own host, so no proxy may stand between.
		HTTPClient: &http.Client{Timeout: s.metadataTimeout, Transport: &http.Transport{MaxIdleConns: 1, IdleConnTimeout: time.Minute}},
		// The launch template disables version 1. A fallback to it would only hide why version 2 fails.
		EnableFallback: aws.FalseTernary,
		Retryer:        retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, s.metadataTimeout/4 }),
		// Otherwise the SDK's own backoff replaces the one above.
		DisableDefaultMaxBackoff: true,
	})}
	role := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = own })
	config := aws.Config{
		Region: region,
		// The cache renews credentials five minutes before they expire. While the metadata service is unavailable, the
		// provider extends their life.
		Credentials: aws.NewCredentialsCache(role, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute }),
		// A dozen metrics do not need compression.
		DisableRequestCompression: true,
		HTTPClient:                awshttp.NewBuildableClient().WithTimeout(s.callTimeout),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, s.callTimeout/4 })
		},
	}
	if s.endpoint != "" {
		config.BaseEndpoint = &s.endpoint
	}
	return &Client{
		timeout:  s.callTimeout,
		metadata: own, ec2: ec2.NewFromConfig(config), ssm: newSSMClient(config),
		autoscaling: autoscaling.NewFromConfig(config), cloudwatch: cloudwatch.NewFromConfig(config),
	}
}

// withTimeout limits a call with all its attempts, its delays and the credentials that it may have to fetch first.
func (c *Client) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, (maxAttempts+1)*c.timeout)
}
