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
	metadataTimeout = 2 * time.Second
	callTimeout     = 10 * time.Second
	maxAttempts     = 3
)

// Client is AWS, seen from one machine. It is safe for concurrent use.
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

// Option changes where a Cloud finds AWS, or how long it waits.
type Option func(*clientOptions)

// WithEndpoint is where all services but the metadata are, such as http://127.0.0.1:5000; without it each is at its own public address.
func WithEndpoint(url string) Option { return func(s *clientOptions) { s.endpoint = url } }

// WithMetadataEndpoint is where the instance's metadata is, without a path; without it, http://169.254.169.254.
func WithMetadataEndpoint(url string) Option {
	return func(s *clientOptions) { s.metadataEndpoint = url }
}

// WithTimeouts are those of one attempt of a metadata call and of one of every other call.
func WithTimeouts(metadata, call time.Duration) Option {
	return func(s *clientOptions) { s.metadataTimeout, s.callTimeout = metadata, call }
}

// New gives the region's AWS, with the credentials of the machine's role. It calls nothing. The SDK's config package was refused: it adds two
// megabytes to the agent for sources of credentials that a machine does not have.
func New(region string, options ...Option) *Client {
	s := clientOptions{callTimeout: callTimeout, metadataTimeout: metadataTimeout}
	for _, option := range options {
		option(&s)
	}
	own := metadataClient{imds.New(imds.Options{
		Endpoint: s.metadataEndpoint,
		// Never through a proxy: the metadata are the machine's own.
		HTTPClient: &http.Client{Timeout: s.metadataTimeout, Transport: &http.Transport{MaxIdleConns: 1, IdleConnTimeout: time.Minute}},
		// Version 1 is closed by the launch template; asking for it would only hide why version 2 fails.
		EnableFallback: aws.FalseTernary,
		Retryer:        retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, s.metadataTimeout/4 }),
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

// withTimeout bounds a call with all its attempts, pauses and the credentials that it may have to fetch first.
func (c *Client) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, (maxAttempts+1)*c.timeout)
}
