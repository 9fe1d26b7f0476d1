package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// InstanceState returns pending, running, shutting-down, terminated, stopping or stopped, or "" when AWS does not know
// the instance any more.
func (c *Client) InstanceState(ctx context.Context, id string) (string, error) {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	output, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		if ErrorCode(err) == "InvalidInstanceID.NotFound" {
			return "", nil
		}
		return "", wrapError("querying the state of "+id, err)
	}
	for _, reservation := range output.Reservations {
		for _, instance := range reservation.Instances {
			if instance.State != nil {
				return string(instance.State.Name), nil
			}
		}
	}
	return "", nil
}
