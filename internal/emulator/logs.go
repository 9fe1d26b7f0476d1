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
	LogGroupType = "aws:cloudwatch/logGroup:LogGroup"
	FlowLogType  = "aws:ec2/flowLog:FlowLog"
)

var (
	logGroupName = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)
	// retentions are the days that CloudWatch Logs keeps things for; 0 is for ever.
	retentions = []float64{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)

var logGroupKind = &Kind{
	Type: LogGroupType, ARN: "arn:aws:logs:%s:%s:log-group:%s",
	Missing:        "ResourceNotFoundException: The specified log group %s does not exist.",
	AutoNameLength: 512,
	Defaults:       map[string]any{"retentionInDays": 0.0, "skipDestroy": false},
	WriteOnly:      []string{"skipDestroy"},
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		var out []catalog.Failure
		if s, known := KnownText(m, "name"); known && !logGroupName.MatchString(s) {
			out = append(out, catalog.Failure{Property: "name", Reason: fmt.Sprintf("%q isn't a valid log group name: want %s", s, logGroupName)})
		}
		if v := catalog.Bare(m["retentionInDays"]); v.IsNumber() && !slices.Contains(retentions, v.NumberValue()) {
			out = append(out, catalog.Failure{Property: "retentionInDays", Reason: fmt.Sprintf(
				"expected retention_in_days to be one of %v, got %v", retentions, v.NumberValue())})
		}
		return out
	},
	Create: func(c *Call) error {
		c.New.Outputs["logGroupClass"] = "STANDARD"
		return assignUniqueName(c, "ResourceAlreadyExistsException: The specified log group already exists: %s")
	},
	Retain: func(r *Record) bool { return r.Bool("skipDestroy") },
}

var flowLogKind = &Kind{
	Type: FlowLogType, IDPrefix: "fl", ARN: "arn:aws:ec2:%s:%s:vpc-flow-log/%s",
	Missing:     "InvalidFlowLogId.NotFound: The flow log ID '%s' does not exist",
	Defaults:    map[string]any{"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600.0},
	ExactlyOne:  [][]string{{"vpcId", "subnetId", "eniId", "transitGatewayId", "transitGatewayAttachmentId"}},
	AtMostOne:   [][]string{{"logDestination", "logGroupName"}},
	Unsupported: []string{"deliverCrossAccountRole", "destinationOptions", "transitGatewayId", "transitGatewayAttachmentId"},
	References: []Reference{ // all may go before the log does
		{Path: "vpcId", To: []string{VPCType}},
		{Path: "subnetId", To: []string{SubnetType}},
		{Path: "eniId", To: []string{NetworkInterfaceType}},
		{Path: "iamRoleArn", To: []string{RoleType}},
		{Path: "logDestination", To: []string{LogGroupType}},
		{Path: "logGroupName", To: []string{LogGroupType}},
	},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		var out []catalog.Failure
		if s, known := KnownText(m, "trafficType"); !known && m["trafficType"].IsNull() || known && !slices.Contains([]string{"ACCEPT", "ALL", "REJECT"}, s) {
			out = append(out, catalog.Failure{Property: "trafficType", Reason: `must be "ACCEPT", "ALL" or "REJECT"`})
		}
		if s, known := KnownText(m, "logDestinationType"); known && s != "cloud-watch-logs" {
			out = append(out, catalog.Failure{Property: "logDestinationType", Reason: "the emulator has rules for cloud-watch-logs only"})
		}
		if len(GivenInputs(m, []string{"logDestination", "logGroupName"})) == 0 {
			out = append(out, catalog.Failure{Property: "logDestination", Reason: "a log group must be given for cloud-watch-logs"})
		}
		if v := catalog.Bare(m["maxAggregationInterval"]); v.IsNumber() && v.NumberValue() != 60 && v.NumberValue() != 600 {
			out = append(out, catalog.Failure{Property: "maxAggregationInterval", Reason: "must be 60 or 600"})
		}
		return out
	},
	Create: createFlowLog,
}

func createFlowLog(c *Call) error {
	if c.New.Text("iamRoleArn") == "" {
		return Refuse("InvalidParameter: DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.")
	}
	name := c.New.Text("logGroupName")
	if name == "" {
		_, name, _ = strings.Cut(strings.TrimSuffix(c.New.Text("logDestination"), ":*"), ":log-group:")
	}
	c.New.Outputs["logGroupName"] = name
	c.New.Outputs["logDestination"] = fmt.Sprintf(logGroupKind.ARN, c.Region, c.Account, name)
	c.New.Outputs["logFormat"] = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} " +
		"${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
	for _, other := range c.ListHere(FlowLogType) {
		same := true
		for _, p := range []string{"vpcId", "subnetId", "eniId", "trafficType", "logGroupName"} {
			same = same && other.Text(p) == c.New.Text(p)
		}
		if same {
			return Refuse("FlowLogAlreadyExists: Error. There is an existing Flow Log with the same configuration and log destination. (%s)", other.ID)
		}
	}
	return nil
}
