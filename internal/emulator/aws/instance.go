package aws

import (
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

const InstanceType = "aws:ec2/instance:Instance"

// instanceKind is what groups launch. No program asks for machines one by one.
var instanceKind = &cloud.Kind{
	Type: InstanceType, IDPrefix: "i", ARN: "arn:aws:ec2:%s:%s:instance/%s", Hidden: true,
	Missing:    "InvalidInstanceID.NotFound: The instance ID '%s' does not exist",
	InUse:      "OperationNotPermitted: The instance '%s' may not be terminated.",
	References: []cloud.Reference{{Path: "subnetId", To: []string{SubnetType}, OnDelete: cloud.Block}},
}

// groupTag is how EC2 tells whose a machine is.
const groupTag = "aws:autoscaling:groupName"

// launchOrder is what a group wants launched.
type launchOrder struct {
	group *cloud.Record
	data  map[string]any // of the launch template's version
	tags  map[string]string
	typ   string
	zone  string
	// subnet is where a new interface goes; nil when the template names one.
	subnet *cloud.Record
	// weights by type; weight is that of the next machine, and spot says how it is paid.
	weights map[string]int
	weight  int
	spot    bool
	// protected machines outlive a scale-in; inService is when they are, in model seconds from the beginning of the call.
	protected bool
	inService float64
}

// attachInterface finds the interface that a machine is to have: that which its template names, or a new one that goes when it goes.
func attachInterface(c *cloud.Call, o *launchOrder, machine *cloud.Record) (*cloud.Record, error) {
	nic := firstInterface(o.data)
	if eni := c.Find(cloud.Text(nic["networkInterfaceId"]), NetworkInterfaceType); eni != nil {
		return eni.Clone(), nil
	}
	eni, err := newInterface(c, o.subnet, machine, nil)
	if err != nil {
		return nil, err
	}
	groups := append(cloud.Texts(nic["securityGroups"]), cloud.Texts(o.data["vpcSecurityGroupIds"])...)
	if len(groups) > 0 {
		eni.Outputs["securityGroups"] = cloud.AnyList(groups)
	}
	if cloud.Bool(nic["associatePublicIpAddress"]) || nic["associatePublicIpAddress"] == nil && o.subnet.Bool("mapPublicIpOnLaunch") {
		eni.Extra["publicIp"] = c.NewAddress()
	}
	return eni, nil
}

// launchInstance starts one machine.
func launchInstance(c *cloud.Call, o launchOrder) error {
	machine := c.NewRecord(InstanceType, c.NewID("i"), o.group)
	eni, err := attachInterface(c, &o, machine)
	if err != nil {
		return err
	}
	eni.Extra["machine"] = machine.ID
	eni.Extra["attachment"] = c.NewID("eni-attach")
	subnet := c.Find(eni.Text("subnetId"), SubnetType)
	tags := map[string]any{}
	for _, spec := range cloud.Objects(o.data["tagSpecifications"]) {
		if cloud.Text(spec["resourceType"]) == "instance" {
			for name, v := range cloud.Object(spec["tags"]) {
				tags[name] = v
			}
		}
	}
	for name, v := range o.tags {
		tags[name] = v
	}
	machine.Outputs = map[string]any{
		"ami": o.data["imageId"], "instanceType": o.typ, "availabilityZone": o.zone, "subnetId": subnet.ID, "tags": tags,
		"iamInstanceProfile": cloud.Object(o.data["iamInstanceProfile"])["name"], "instanceState": "running",
		"primaryNetworkInterfaceId": eni.ID, "privateIp": eni.Text("privateIp"), "publicIp": publicAddressOf(c.State, eni),
		"lifecycleState": "InService", "inServiceSeconds": o.inService, "launchedBy": float64(c.NextOperation()),
	}
	if o.spot {
		machine.Outputs["instanceLifecycle"] = "spot"
	}
	machine.Extra["weight"], machine.Extra["protected"] = float64(o.weight), o.protected
	c.Store(machine)
	c.Store(eni)
	return nil
}

// firstInterface is the first interface that a template's version describes; empty when it describes none.
func firstInterface(data map[string]any) map[string]any {
	if list := cloud.Objects(data["networkInterfaces"]); len(list) > 0 {
		return list[0]
	}
	return map[string]any{}
}
