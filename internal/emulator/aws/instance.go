package aws

import (
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// InstanceType is the Pulumi type token of an EC2 instance.
const InstanceType = "aws:ec2/instance:Instance"

// instanceKind holds the rules of the machines that groups launch. No program creates machines one by one.
var instanceKind = &cloud.Kind{
	Type: InstanceType, IDPrefix: "i", ARN: "arn:aws:ec2:%s:%s:instance/%s", Hidden: true,
	Missing:    "InvalidInstanceID.NotFound: The instance ID '%s' does not exist",
	InUse:      "OperationNotPermitted: The instance '%s' may not be terminated.",
	References: []cloud.Reference{{Path: "subnetId", To: []string{SubnetType}, OnDelete: cloud.Block}},
}

// groupTag is the tag by which EC2 marks the group of a machine.
const groupTag = "aws:autoscaling:groupName"

// launchOrder is a group's order for machines.
type launchOrder struct {
	group *cloud.Record
	data  map[string]any // of the launch template's version
	tags  map[string]string
	typ   string
	zone  string
	// subnet is the subnet of a new interface; nil when the template names an interface.
	subnet *cloud.Record
	// weights holds the weights by type. weight is that of the next machine, and spot reports whether it is a spot machine.
	weights map[string]int
	weight  int
	spot    bool
	// protected machines survive a scale-in. inService is the time until service, in model seconds from the start of the call.
	protected bool
	inService float64
}

// attachInterface returns the interface of a new machine: the one that its template names, or a new one that is deleted with the machine.
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

// launchInstance launches one machine.
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

// firstInterface returns the first interface that a template version describes, empty when it describes none.
func firstInterface(data map[string]any) map[string]any {
	if list := cloud.Objects(data["networkInterfaces"]); len(list) > 0 {
		return list[0]
	}
	return map[string]any{}
}
