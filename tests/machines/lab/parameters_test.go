//go:build machines

package lab

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func TestParametersAndMetrics(t *testing.T) {
	l, _, config := newInstanceClient(t)
	client := ssm.NewFromConfig(config)
	get := func(name string) (string, error) {
		out, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		if err != nil {
			return "", err
		}
		return *out.Parameter.Value, nil
	}
	if _, err := get("/nothing"); errorCodeOf(err) != "ParameterNotFound" {
		t.Error(err)
	}
	l.Parameters.SetValue("/map", "first")
	_, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/map"), Value: aws.String("second"), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"/map": "second", "/map:1": "first", "/map:2": "second"} {
		if got, err := get(name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := get("/map:3"); errorCodeOf(err) != "ParameterVersionNotFound" {
		t.Error(err)
	}
	_, err = cloudwatch.NewFromConfig(config).PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{
		Namespace: aws.String("Beachhead"), MetricData: []cloudwatchtypes.MetricDatum{{
			MetricName: aws.String("Busy"), Value: aws.Float64(12.5),
			Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("Fleet"), Value: aws.String("f")}},
		}},
	})
	if got := l.MetricsNamed("Busy"); err != nil || len(got) != 1 || got[0].Value != 12.5 || got[0].Namespace != "Beachhead" ||
		got[0].Dimensions["Fleet"] != "f" {
		t.Errorf("metrics: %v, %v", err, got)
	}
}
