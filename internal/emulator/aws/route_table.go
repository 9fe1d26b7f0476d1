package aws

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RouteTableType is the Pulumi type token of a VPC route table.
const RouteTableType = "aws:ec2/routeTable:RouteTable"

var routeTableKind = &cloud.Kind{
	Type: RouteTableType, IDPrefix: "rtb", ARN: "arn:aws:ec2:%s:%s:route-table/%s",
	Missing:     "InvalidRouteTableID.NotFound: The routeTable ID '%s' does not exist",
	InUse:       "DependencyViolation: The routeTable '%s' has dependencies and cannot be deleted.",
	References:  []cloud.Reference{{Path: "vpcId", To: []string{VPCType}, OnDelete: cloud.Block}},
	Unsupported: []string{"propagatingVgws"},
	// Inline routes and routes as separate resources overwrite each other on every run. We use the latter, so that a change of mode can
	// move one route at a time.
	Check: func(m resource.PropertyMap) []catalog.Failure {
		if _, ok := m["routes"]; ok {
			return []catalog.Failure{{Property: "routes", Reason: "the emulator has no rules for inline routes; use aws:ec2/route:Route"}}
		}
		return nil
	},
}
