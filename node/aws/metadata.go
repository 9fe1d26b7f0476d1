package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Identity is what the machine is: the instance's id, i-0123456789abcdef0, its type, m7g.2xlarge, and its availability zone, us-west-1a.
type Identity struct{ InstanceID, InstanceType, Zone string }

// InstanceIdentity asks the metadata once, and knows it from then on, also while they are away.
func (c *Client) InstanceIdentity(ctx context.Context) (Identity, error) {
	c.mutex.Lock()
	known := c.identity
	c.mutex.Unlock()
	if known.InstanceID != "" {
		return known, nil
	}
	document, err := c.metadata.client.GetInstanceIdentityDocument(ctx, nil)
	if err != nil {
		return Identity{}, wrapMetadataError("the instance's identity document", err)
	}
	if document.InstanceID == "" {
		return Identity{}, fmt.Errorf("the instance's identity document names no instance: %w", ErrUnavailable)
	}
	known = Identity{InstanceID: document.InstanceID, InstanceType: document.InstanceType, Zone: document.AvailabilityZone}
	c.mutex.Lock()
	c.identity = known
	c.mutex.Unlock()
	return known, nil
}

// metadataClient is the client of the instance's metadata, whose errors are of the kind ErrAway. The credentials are fetched by it too.
type metadataClient struct{ client *imds.Client }

// GetMetadata gives one value. It is what the SDK's provider of credentials calls.
func (m metadataClient) GetMetadata(ctx context.Context, in *imds.GetMetadataInput, options ...func(*imds.Options)) (*imds.GetMetadataOutput, error) {
	output, err := m.client.GetMetadata(ctx, in, options...)
	if err != nil {
		return nil, wrapMetadataError("metadata "+in.Path, err)
	}
	return output, nil
}

// wrapMetadataError says that metadata gave no answer. The SDK's own errors do not tell why a session could not be begun.
func wrapMetadataError(call string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", call, err)
	}
	return fmt.Errorf("%s: %w: %w", call, err, ErrUnavailable)
}

// readMetadata gives one value of the metadata, and "" where there is none.
func (c *Client) readMetadata(ctx context.Context, path string) (string, error) {
	output, err := c.metadata.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = output.Content.Close() }()
	text, err := io.ReadAll(io.LimitReader(output.Content, 64<<10))
	if err != nil {
		return "", wrapMetadataError("metadata "+path, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// TargetLifecycleState is where Auto Scaling takes the machine: InService, Terminated, Standby and others. It is "" when the machine is in no group.
func (c *Client) TargetLifecycleState(ctx context.Context) (string, error) {
	return c.readMetadata(ctx, "autoscaling/target-lifecycle-state")
}

// RebalanceNotice is the notice of a raised risk of interruption, which names no time.
const RebalanceNotice = "rebalance"

// InterruptionNotice is what EC2 is about to do to a spot instance in two minutes: terminate, stop or hibernate; or Rebalance; or "" when there is nothing.
func (c *Client) InterruptionNotice(ctx context.Context) (string, error) {
	const path = "spot/instance-action"
	text, err := c.readMetadata(ctx, path)
	if err != nil {
		return "", err
	}
	if text != "" {
		var notice struct{ Action string }
		if err := json.Unmarshal([]byte(text), &notice); err != nil || notice.Action == "" {
			return "", fmt.Errorf("metadata %s: want an action, have %q; this release does not know the form: the notice goes unheeded", path, text)
		}
		return notice.Action, nil
	}
	text, err = c.readMetadata(ctx, "events/recommendations/rebalance")
	if err != nil || text == "" {
		return "", err
	}
	return RebalanceNotice, nil
}

// subnetPrefix is the range of the subnet of one of the machine's own interfaces; zero when the metadata do not tell.
func (c *Client) subnetPrefix(ctx context.Context, mac string) (netip.Prefix, error) {
	path := "network/interfaces/macs/" + mac + "/subnet-ipv4-cidr-block"
	text, err := c.readMetadata(ctx, path)
	if err != nil || text == "" {
		return netip.Prefix{}, err
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("metadata %s: %w; give the interface its address by hand and read the metadata with curl", path, err)
	}
	return prefix, nil
}
