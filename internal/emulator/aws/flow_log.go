package aws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// FlowLogType is the Pulumi type token of a VPC flow log.
const FlowLogType = "aws:ec2/flowLog:FlowLog"

var flowLogKind = &cloud.Kind{
	Type: FlowLogType, IDPrefix: "fl", ARN: "arn:aws:ec2:%s:%s:vpc-flow-log/%s",
	Missing:     "InvalidFlowLogId.NotFound: The flow log ID '%s' does not exist",
	Defaults:    map[string]any{"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600.0},
	ExactlyOne:  [][]string{{"vpcId", "subnetId", "eniId", "transitGatewayId", "transitGatewayAttachmentId"}},
	AtMostOne:   [][]string{{"logDestination", "logGroupName"}},
	Unsupported: []string{"deliverCrossAccountRole", "destinationOptions", "transitGatewayId", "transitGatewayAttachmentId"},
	References: []cloud.Reference{ // all may go before the log does
		{Path: "vpcId", To: []string{VPCType}},
		{Path: "subnetId", To: []string{SubnetType}},
		{Path: "eniId", To: []string{NetworkInterfaceType}},
		{Path: "iamRoleArn", To: []string{RoleType}},
		{Path: "logDestination", To: []string{LogGroupType}},
		{Path: "logGroupName", To: []string{LogGroupType}},
	},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		var out []catalog.Failure
		if s, known := cloud.KnownText(m, "trafficType"); !known && m["trafficType"].IsNull() || known &&
			!slices.Contains([]string{"ACCEPT", "ALL", "REJECT"}, s) {
			out = append(out, catalog.Failure{Property: "trafficType", Reason: `must be "ACCEPT", "ALL" or "REJECT"`})
		}
		if s, known := cloud.KnownText(m, "logDestinationType"); known && s != "cloud-watch-logs" {
			out = append(out, catalog.Failure{Property: "logDestinationType", Reason: "the emulator has rules for cloud-watch-logs only"})
		}
		if len(cloud.GivenInputs(m, []string{"logDestination", "logGroupName"})) == 0 {
			out = append(out, catalog.Failure{Property: "logDestination", Reason: "a log group must be set for cloud-watch-logs"})
		}
		if v := catalog.Bare(m["maxAggregationInterval"]); v.IsNumber() && v.NumberValue() != 60 && v.NumberValue() != 600 {
			out = append(out, catalog.Failure{Property: "maxAggregationInterval", Reason: "must be 60 or 600"})
		}
		return out
	},
	Create: createFlowLog,
}

func createFlowLog(c *cloud.Call) error {
	if c.New.Text("iamRoleArn") == "" {
		return cloud.Refuse("InvalidParameter: DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.")
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
			return cloud.Refuse("FlowLogAlreadyExists: Error. There is an existing Flow Log with the same configuration and log destination. (%s)",
				other.ID)
		}
	}
	return nil
}
