package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/beachhead-build/beachhead/node/host"
)

// ssmClient calls Systems Manager, of which the agent uses two actions. We do not use the SDK's client for it: it links
// the types of all 150 actions of the service, 1.3 MB of an agent that may have 10 MB. The signature, the decision what
// to retry and the delay come from the SDK.
type ssmClient struct {
	// endpoint is the service's URL.
	endpoint, region string
	credentials      aws.CredentialsProvider
	client           aws.HTTPClient
	retryer          aws.Retryer
	signer           *v4.Signer
}

func newSSMClient(config aws.Config) *ssmClient {
	endpoint := "https://ssm." + config.Region + ".amazonaws.com"
	if config.BaseEndpoint != nil {
		endpoint = *config.BaseEndpoint
	}
	return &ssmClient{
		endpoint: endpoint, region: config.Region, credentials: config.Credentials, client: config.HTTPClient, retryer: config.Retryer(),
		signer: v4.NewSigner(),
	}
}

// callAction calls an action, with as many attempts as the other services have.
func (s *ssmClient) callAction(ctx context.Context, action string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := s.sendOnce(ctx, action, body, out)
		if err == nil || ctx.Err() != nil || attempt >= s.retryer.MaxAttempts() || !s.retryer.IsErrorRetryable(err) {
			return err
		}
		pause, delayed := s.retryer.RetryDelay(attempt, err)
		if delayed != nil || host.Sleep(ctx, pause) != nil {
			return err
		}
	}
}

// sendOnce sends one request in AWS JSON 1.1. Source of the format: Smithy's specification of the protocol.
func (s *ssmClient) sendOnce(ctx context.Context, action string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AmazonSSM."+action)
	keys, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := s.signer.SignHTTP(ctx, keys, request, hex.EncodeToString(sum[:]), "ssm", s.region, time.Now()); err != nil {
		return err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return &smithyhttp.RequestSendError{Err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	// A parameter has at most 8 KiB.
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return &smithyhttp.RequestSendError{Err: err}
	}
	if answer.StatusCode != http.StatusOK {
		return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: answer}, Err: parseSSMError(text)}
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("the answer of Systems Manager to %s is not JSON: %w; check whether a proxy or a login page stands between the "+
			"machine and AWS", action, err)
	}
	return nil
}

// parseSSMError parses an error. Its type may have a namespace before the code and an address after it.
func parseSSMError(text []byte) error {
	var failure struct {
		Type    string `json:"__type"`
		Message string // in either case of its first letter
	}
	_ = json.Unmarshal(text, &failure) // if it is not JSON, the HTTP status remains
	code := failure.Type[strings.LastIndex(failure.Type, "#")+1:]
	code, _, _ = strings.Cut(code, ":")
	return &smithy.GenericAPIError{Code: code, Message: failure.Message}
}
