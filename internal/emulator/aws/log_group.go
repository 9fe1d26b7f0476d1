package aws

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// LogGroupType is the Pulumi type token of a CloudWatch Logs log group.
const LogGroupType = "aws:cloudwatch/logGroup:LogGroup"

var (
	logGroupName = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)
	// retentions are the days that CloudWatch Logs accepts; 0 means for ever.
	retentions = []float64{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)

var logGroupKind = &cloud.Kind{
	Type: LogGroupType, ARN: "arn:aws:logs:%s:%s:log-group:%s",
	Missing:        "ResourceNotFoundException: The specified log group %s does not exist.",
	AutoNameLength: 512,
	Defaults:       map[string]any{"retentionInDays": 0.0, "skipDestroy": false},
	WriteOnly:      []string{"skipDestroy"},
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		var out []catalog.Failure
		if s, known := cloud.KnownText(m, "name"); known && !logGroupName.MatchString(s) {
			out = append(out, catalog.Failure{Property: "name", Reason: fmt.Sprintf("%q isn't a valid log group name: want %s", s, logGroupName)})
		}
		if v := catalog.Bare(m["retentionInDays"]); v.IsNumber() && !slices.Contains(retentions, v.NumberValue()) {
			out = append(out, catalog.Failure{Property: "retentionInDays", Reason: fmt.Sprintf(
				"expected retention_in_days to be one of %v, got %v", retentions, v.NumberValue())})
		}
		return out
	},
	Create: func(c *cloud.Call) error {
		c.New.Outputs["logGroupClass"] = "STANDARD"
		return assignUniqueName(c, "ResourceAlreadyExistsException: The specified log group already exists: %s")
	},
	Retain: func(r *cloud.Record) bool { return r.Bool("skipDestroy") },
}
