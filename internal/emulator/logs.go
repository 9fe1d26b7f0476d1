package emulator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	logGroupType = "aws:cloudwatch/logGroup:LogGroup"
	flowLogType  = "aws:ec2/flowLog:FlowLog"
)

func init() {
	define(logGroupKind, flowLogKind)
}

var (
	logGroupName = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)
	// retentions are the days that CloudWatch Logs keeps things for; 0 is for ever.
	retentions = []float64{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)

var logGroupKind = &kind{
	typ: logGroupType, arn: "arn:aws:logs:%s:%s:log-group:%s",
	missing:  "ResourceNotFoundException: The specified log group %s does not exist.",
	autoName: 512,
	defaults: map[string]any{"retentionInDays": 0.0, "skipDestroy": false},
	unread:   []string{"skipDestroy"},
	notBoth:  [][]string{{"name", "namePrefix"}},
	check: func(m resource.PropertyMap) []catalog.Failure {
		var out []catalog.Failure
		if s, known := text(m, "name"); known && !logGroupName.MatchString(s) {
			out = append(out, catalog.Failure{Property: "name", Reason: fmt.Sprintf("%q isn't a valid log group name: want %s", s, logGroupName)})
		}
		if v := catalog.Bare(m["retentionInDays"]); v.IsNumber() && !slices.Contains(retentions, v.NumberValue()) {
			out = append(out, catalog.Failure{Property: "retentionInDays", Reason: fmt.Sprintf(
				"expected retention_in_days to be one of %v, got %v", retentions, v.NumberValue())})
		}
		return out
	},
	create: func(c *call) error {
		c.rec.Outputs["logGroupClass"] = "STANDARD"
		return c.nameUnique("ResourceAlreadyExistsException: The specified log group already exists: %s")
	},
	stays: func(r *record) bool { return r.flag("skipDestroy") },
}

var flowLogKind = &kind{
	typ: flowLogType, prefix: "fl", arn: "arn:aws:ec2:%s:%s:vpc-flow-log/%s",
	missing:  "InvalidFlowLogId.NotFound: The flow log ID '%s' does not exist",
	defaults: map[string]any{"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600.0},
	oneOf:    [][]string{{"vpcId", "subnetId", "eniId", "transitGatewayId", "transitGatewayAttachmentId"}},
	notBoth:  [][]string{{"logDestination", "logGroupName"}},
	refuse:   []string{"deliverCrossAccountRole", "destinationOptions", "transitGatewayId", "transitGatewayAttachmentId"},
	refs: []ref{ // all may go before the log does
		{path: "vpcId", to: []string{vpcType}},
		{path: "subnetId", to: []string{subnetType}},
		{path: "eniId", to: []string{networkInterfaceType}},
		{path: "iamRoleArn", to: []string{roleType}},
		{path: "logDestination", to: []string{logGroupType}},
		{path: "logGroupName", to: []string{logGroupType}},
	},
	check: func(m resource.PropertyMap) []catalog.Failure {
		var out []catalog.Failure
		if s, known := text(m, "trafficType"); !known && m["trafficType"].IsNull() || known && !slices.Contains([]string{"ACCEPT", "ALL", "REJECT"}, s) {
			out = append(out, catalog.Failure{Property: "trafficType", Reason: `must be "ACCEPT", "ALL" or "REJECT"`})
		}
		if s, known := text(m, "logDestinationType"); known && s != "cloud-watch-logs" {
			out = append(out, catalog.Failure{Property: "logDestinationType", Reason: "the emulator has rules for cloud-watch-logs only"})
		}
		if len(given(m, []string{"logDestination", "logGroupName"})) == 0 {
			out = append(out, catalog.Failure{Property: "logDestination", Reason: "a log group must be given for cloud-watch-logs"})
		}
		if v := catalog.Bare(m["maxAggregationInterval"]); v.IsNumber() && v.NumberValue() != 60 && v.NumberValue() != 600 {
			out = append(out, catalog.Failure{Property: "maxAggregationInterval", Reason: "must be 60 or 600"})
		}
		return out
	},
	create: createFlowLog,
}

func createFlowLog(c *call) error {
	if c.rec.str("iamRoleArn") == "" {
		return refused("InvalidParameter: DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.")
	}
	name := c.rec.str("logGroupName")
	if name == "" {
		_, name, _ = strings.Cut(strings.TrimSuffix(c.rec.str("logDestination"), ":*"), ":log-group:")
	}
	c.rec.Outputs["logGroupName"] = name
	c.rec.Outputs["logDestination"] = fmt.Sprintf(logGroupKind.arn, c.region, c.account, name)
	c.rec.Outputs["logFormat"] = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} " +
		"${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
	for _, other := range c.here(flowLogType) {
		same := true
		for _, p := range []string{"vpcId", "subnetId", "eniId", "trafficType", "logGroupName"} {
			same = same && other.str(p) == c.rec.str(p)
		}
		if same {
			return refused("FlowLogAlreadyExists: Error. There is an existing Flow Log with the same configuration and log destination. (%s)", other.ID)
		}
	}
	return nil
}
