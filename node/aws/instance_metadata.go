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

// Identity identifies the machine: the instance id, i-0123456789abcdef0; the instance type, m7g.2xlarge; and the
// availability zone, us-west-1a.
type Identity struct{ InstanceID, InstanceType, Zone string }

// InstanceIdentity returns the machine's identity. It reads the metadata once and caches the result, so later calls
// work while the metadata service is unavailable.
func (c *Client) InstanceIdentity(ctx context.Context) (Identity, error) {
	c.mutex.Lock()
	known := c.identity
	c.mutex.Unlock()
	if known.InstanceID != "" {
		return known, nil
	}
	document, err := c.metadata.client.GetInstanceIdentityDocument(ctx, nil)
	if err != nil {
		return Identity{}, wrapMetadataError("reading the instance's identity document", err)
	}
	if document.InstanceID == "" {
		return Identity{}, fmt.Errorf("the instance's identity document contains no instance id: %w", ErrUnavailable)
	}
	known = Identity{InstanceID: document.InstanceID, InstanceType: document.InstanceType, Zone: document.AvailabilityZone}
	c.mutex.Lock()
	c.identity = known
	c.mutex.Unlock()
	return known, nil
}

// metadataClient is the client of the metadata service. All its errors wrap ErrUnavailable. The SDK fetches the role's
// credentials through it too.
type metadataClient struct{ client *imds.Client }

// GetMetadata returns one metadata value. The SDK's credentials provider calls it.
func (m metadataClient) GetMetadata(ctx context.Context, in *imds.GetMetadataInput,
	options ...func(*imds.Options)) (*imds.GetMetadataOutput, error) {
	output, err := m.client.GetMetadata(ctx, in, options...)
	if err != nil {
		return nil, wrapMetadataError("reading metadata "+in.Path, err)
	}
	return output, nil
}

// wrapMetadataError adds the call and ErrUnavailable to an error of the metadata service. The SDK's own errors do not
// show why it could not start a session.
func wrapMetadataError(call string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", call, err)
	}
	return fmt.Errorf("%s: %w: %w", call, err, ErrUnavailable)
}

// readMetadata returns one metadata value, or "" when it does not exist.
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
		return "", wrapMetadataError("reading metadata "+path, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// TargetLifecycleState returns the lifecycle state to which Auto Scaling moves the machine: InService, Terminated,
// Standby and others. It returns "" when the machine belongs to no group.
func (c *Client) TargetLifecycleState(ctx context.Context) (string, error) {
	return c.readMetadata(ctx, "autoscaling/target-lifecycle-state")
}

// RebalanceNotice is the notice of a raised risk of interruption. It contains no time.
const RebalanceNotice = "rebalance"

// InterruptionNotice returns what EC2 does to this spot instance in two minutes: terminate, stop or hibernate. It
// returns RebalanceNotice for a raised risk, and "" when no notice exists.
func (c *Client) InterruptionNotice(ctx context.Context) (string, error) {
	const path = "spot/instance-action"
	text, err := c.readMetadata(ctx, path)
	if err != nil {
		return "", err
	}
	if text != "" {
		var notice struct{ Action string }
		if err := json.Unmarshal([]byte(text), &notice); err != nil || notice.Action == "" {
			return "", fmt.Errorf("metadata %s contain no action: %q; this release does not know the format and ignores the notice; "+
				"update Beachhead and run `beachhead up`", path, text)
		}
		return notice.Action, nil
	}
	text, err = c.readMetadata(ctx, "events/recommendations/rebalance")
	if err != nil || text == "" {
		return "", err
	}
	return RebalanceNotice, nil
}

// subnetPrefix returns the address range of the subnet of one of the machine's own interfaces, or zero when the
// metadata do not contain it.
func (c *Client) subnetPrefix(ctx context.Context, mac string) (netip.Prefix, error) {
	path := "network/interfaces/macs/" + mac + "/subnet-ipv4-cidr-block"
	text, err := c.readMetadata(ctx, path)
	if err != nil || text == "" {
		return netip.Prefix{}, err
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("metadata %s are not an address range: %w; compare them with `aws ec2 describe-subnets` and set the "+
			"interface's address by hand", path, err)
	}
	return prefix, nil
}
