package aws

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Metric is one value. Its unit is one of CloudWatch's: Percent, Count, Bytes, Seconds. Dimensions are values by name; nil: those that Publish
// is given.
type Metric struct {
	Name, Unit string
	Value      float64
	Dimensions map[string]string
}

// PublishMetrics puts metrics into a namespace, all at once and as of now. CloudWatch takes 1,000 in one call; a machine has a few.
func (c *Client) PublishMetrics(ctx context.Context, namespace string, dimensions map[string]string, metrics []Metric) error {
	if len(metrics) == 0 {
		return nil
	}
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	data := make([]types.MetricDatum, 0, len(metrics))
	for _, m := range metrics {
		of := m.Dimensions
		if of == nil {
			of = dimensions
		}
		data = append(data, types.MetricDatum{
			MetricName: aws.String(m.Name), Unit: types.StandardUnit(m.Unit), Value: aws.Float64(m.Value), Dimensions: sortDimensions(of),
		})
	}
	if _, err := c.cloudwatch.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: data}); err != nil {
		return wrapError("publishing metrics", err)
	}
	return nil
}

func sortDimensions(values map[string]string) []types.Dimension {
	all := make([]types.Dimension, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, types.Dimension{Name: aws.String(name), Value: aws.String(values[name])})
	}
	return all
}
