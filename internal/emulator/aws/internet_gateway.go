package aws

import (
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// InternetGatewayType is the Pulumi type token of an internet gateway.
const InternetGatewayType = "aws:ec2/internetGateway:InternetGateway"

var internetGatewayKind = &cloud.Kind{
	Type: InternetGatewayType, IDPrefix: "igw", ARN: "arn:aws:ec2:%s:%s:internet-gateway/%s",
	Missing:    "InvalidGatewayID.NotFound: The gateway ID '%s' does not exist",
	InUse:      "DependencyViolation: The internetGateway '%s' has dependencies and cannot be deleted.",
	References: []cloud.Reference{{Path: "vpcId", To: []string{VPCType}, OnDelete: cloud.Block}},
	Create: func(c *cloud.Call) error {
		if len(c.ListHere(InternetGatewayType)) >= c.Quota(quotaInternetGateways) {
			return cloud.RefuseQuota("InternetGatewayLimitExceeded: The maximum number of internet gateways has been reached.")
		}
		return checkOneGateway(c)
	},
	Update: func(c *cloud.Call) error {
		if !c.HasChanged("vpcId") {
			return nil
		}
		if err := checkNoPublicAddresses(c); err != nil {
			return err
		}
		return checkOneGateway(c)
	},
	Delete: checkNoPublicAddresses,
}

// checkOneGateway refuses a second internet gateway for a VPC.
func checkOneGateway(c *cloud.Call) error {
	vpc := c.New.Text("vpcId")
	if other := attachedGateway(c.State, c.Scope, vpc); vpc != "" && other != nil {
		return cloud.Refuse("InvalidParameterValue: Network %s already has an internet gateway attached (%s)", vpc, other.ID)
	}
	return nil
}

// checkNoPublicAddresses refuses to detach a gateway from a VPC in which an interface has a public address.
func checkNoPublicAddresses(c *cloud.Call) error {
	vpc := c.Old.Text("vpcId")
	if vpc == "" {
		return nil
	}
	var mapped []string
	for _, eni := range c.ListHere(NetworkInterfaceType) {
		if c.State.NetworkOf(eni) == vpc && publicAddressOf(c.State, eni) != "" {
			mapped = append(mapped, c.State.VisibleRecord(eni).ID)
		}
	}
	if len(mapped) > 0 {
		return cloud.RefuseInUse("DependencyViolation: Network %s has some mapped public address(es). "+
			"Please unmap those public address(es) before detaching the gateway. (%s)", vpc, strings.Join(slices.Compact(mapped), ", "))
	}
	return nil
}

// attachedGateway returns the internet gateway of a VPC, or nil.
func attachedGateway(s *cloud.State, in cloud.Scope, vpc string) *cloud.Record {
	for _, igw := range s.RecordsOf(InternetGatewayType) {
		if igw.Account == in.Account && igw.Region == in.Region && igw.Text("vpcId") == vpc {
			return igw
		}
	}
	return nil
}
