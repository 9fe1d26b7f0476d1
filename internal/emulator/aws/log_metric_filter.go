package aws

import (
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// LogMetricFilterType is the Pulumi type token of a metric filter of a log group.
const LogMetricFilterType = "aws:cloudwatch/logMetricFilter:LogMetricFilter"

const filtersPerGroup = 100 // of metric filters in a log group

// Ids contain the log group's name, as import ids do: a filter's name is unique in its group only.
var metricFilterKind = &cloud.Kind{
	Type:           LogMetricFilterType,
	Missing:        "ResourceNotFoundException: The specified metric filter does not exist: %s",
	AutoNameLength: 512,
	References:     []cloud.Reference{{Path: "logGroupName", To: []string{LogGroupType}, OnDelete: cloud.Cascade}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		if len(in.Text("pattern")) > 1024 {
			in.Fail("pattern", "must be at most 1024 long")
		}
		t := in.Nested("metricTransformation")
		t.CheckPattern("name", regexp.MustCompile(`^[^:*$]{1,255}$`))
		t.CheckPattern("namespace", regexp.MustCompile(`^[^:*$]{1,255}$`))
		if t.Has("defaultValue") && len(cloud.Object(t.Values["dimensions"])) > 0 {
			t.Fail("defaultValue", "InvalidParameterException: cannot be set together with dimensions")
		}
		if n := len(cloud.Object(t.Values["dimensions"])); n > 3 {
			t.Fail("dimensions", "at most 3 may be set, got %d", n)
		}
		return in.Failures()
	},
	Create: func(c *cloud.Call) error {
		group := c.New.Text("logGroupName")
		c.New.ID = group + ":" + c.New.Text("name")
		if c.Find(c.New.ID, LogMetricFilterType) != nil {
			return cloud.Refuse("the metric filter %s already exists", c.New.ID) // PutMetricFilter would overwrite it silently
		}
		n := 0
		for _, other := range c.ListHere(LogMetricFilterType) {
			if other.Text("logGroupName") == group {
				n++
			}
		}
		if n >= filtersPerGroup {
			return cloud.RefuseQuota("LimitExceededException: Resource limit exceeded. (%s has %d metric filters)", group, n)
		}
		return nil
	},
}
