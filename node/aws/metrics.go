package aws

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Metric is one value. Unit is one of CloudWatch's units: Percent, Count, Bytes, Seconds. Dimensions maps the name of
// each dimension to its value; when it is nil, PublishMetrics uses the dimensions that it receives.
type Metric struct {
	Name, Unit string
	Value      float64
	Dimensions map[string]string
}

// PublishMetrics publishes metrics in a namespace, in one call and with the current time. CloudWatch accepts 1,000
// metrics in one call; a machine has a few.
func (c *Client) PublishMetrics(ctx context.Context, namespace string, dimensions map[string]string, metrics []Metric) error {
	if len(metrics) == 0 {
		return nil
	}
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	data := make([]types.MetricDatum, 0, len(metrics))
	for _, m := range metrics {
		own := m.Dimensions
		if own == nil {
			own = dimensions
		}
		data = append(data, types.MetricDatum{
			MetricName: aws.String(m.Name), Unit: types.StandardUnit(m.Unit), Value: aws.Float64(m.Value), Dimensions: sortDimensions(own),
		})
	}
	if _, err := c.cloudwatch.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: data}); err != nil {
		return wrapError("publishing metrics", err)
	}
	return nil
}

// sortDimensions returns dimensions in the order of their names.
func sortDimensions(values map[string]string) []types.Dimension {
	all := make([]types.Dimension, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, types.Dimension{Name: aws.String(name), Value: aws.String(values[name])})
	}
	return all
}
