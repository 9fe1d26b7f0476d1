package emulator

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/regions/ec2types"
)

const (
	LaunchTemplateType = "aws:ec2/launchTemplate:LaunchTemplate"
	InstanceType       = "aws:ec2/instance:Instance"
)

// maxUserData is what EC2 takes, before base64.
const maxUserData = 16 * 1024

// imageReference is an image's id, or a public or own parameter that EC2 resolves at launch.
var imageReference = regexp.MustCompile(`^(ami-[0-9a-f]+|resolve:ssm:[\w./:-]+)$`)

var launchTemplateKind = &Kind{
	Type: LaunchTemplateType, IDPrefix: "lt", ARN: "arn:aws:ec2:%s:%s:launch-template/%s",
	Missing:        "InvalidLaunchTemplateId.NotFound: The specified launch template, with template ID %s, does not exist.",
	AutoNameLength: 125,
	WriteOnly:      []string{"updateDefaultVersion"},
	Volatile:       []string{"latestVersion", "defaultVersion"},
	AtMostOne:      [][]string{{"name", "namePrefix"}, {"instanceType", "instanceRequirements"}, {"defaultVersion", "updateDefaultVersion"}},
	Unsupported: []string{"instanceRequirements", "elasticGpuSpecifications", "elasticInferenceAccelerator", "licenseSpecifications",
		"securityGroupNames"},
	// All may go before the template does: a launch then fails.
	References: []Reference{
		{Path: "vpcSecurityGroupIds[]", To: anyGroup},
		{Path: "networkInterfaces[].securityGroups[]", To: anyGroup},
		{Path: "networkInterfaces[].subnetId", To: []string{SubnetType}},
		{Path: "networkInterfaces[].networkInterfaceId", To: []string{NetworkInterfaceType}},
		{Path: "iamInstanceProfile.name", To: []string{InstanceProfileType}},
		{Path: "iamInstanceProfile.arn", To: []string{InstanceProfileType}},
	},
	Check: checkTemplate,
	Create: func(c *Call) error {
		for _, other := range c.ListHere(LaunchTemplateType) {
			if other.Text("name") == c.New.Text("name") {
				return Refuse("InvalidLaunchTemplateName.AlreadyExistsException: Launch template name already in use: %s (%s)", other.Text("name"), other.ID)
			}
		}
		c.New.Outputs["defaultVersion"] = 1.0
		return addTemplateVersion(c)
	},
	Update: func(c *Call) error {
		if !templateDataDiffers(c) {
			return nil
		}
		if err := addTemplateVersion(c); err != nil {
			return err
		}
		if c.New.Bool("updateDefaultVersion") {
			c.New.Outputs["defaultVersion"] = c.New.Outputs["latestVersion"]
		}
		return nil
	},
	Derive: func(_ *State, r *Record) map[string]any {
		metadata := map[string]any{"httpEndpoint": "enabled", "httpTokens": "optional", "httpPutResponseHopLimit": 1.0,
			"httpProtocolIpv6": "disabled", "instanceMetadataTags": "disabled"}
		for name, v := range Object(r.Inputs["metadataOptions"]) {
			metadata[name] = v
		}
		return map[string]any{"metadataOptions": metadata}
	},
}

// checkTemplate refuses what EC2 would not launch: no image, an unknown type, user data that is too long or not in base64.
func checkTemplate(m resource.PropertyMap) []catalog.Failure {
	var out []catalog.Failure
	bad := func(property, format string, args ...any) {
		out = append(out, catalog.Failure{Property: property, Reason: fmt.Sprintf(format, args...)})
	}
	if image, known := KnownText(m, "imageId"); known && !imageReference.MatchString(image) {
		bad("imageId", "%q is no image: want ami-… or resolve:ssm:PARAMETER", image)
	} else if len(GivenInputs(m, []string{"imageId"})) == 0 {
		bad("imageId", "an image must be given")
	}
	if typ, known := KnownText(m, "instanceType"); known {
		if _, ok := ec2types.Lookup(typ); !ok {
			bad("instanceType", "Invalid instance type: %s", typ)
		}
	}
	if data, known := KnownText(m, "userData"); known {
		if raw, err := base64.StdEncoding.DecodeString(data); err != nil {
			bad("userData", "InvalidUserData.Malformed: Invalid BASE64 encoding of user data")
		} else if len(raw) > maxUserData {
			bad("userData", "InvalidParameterValue: User data is limited to %d bytes, this has %d", maxUserData, len(raw))
		}
	}
	if groups := GivenInputs(m, []string{"vpcSecurityGroupIds"}); len(groups) > 0 && len(GivenInputs(m, []string{"networkInterfaces"})) > 0 {
		bad("vpcSecurityGroupIds", "InvalidParameterCombination: Network interfaces and an instance-level security groups may not be specified on the same request")
	}
	return out
}

// versionless inputs belong to the template and not to one of its versions.
var versionless = []string{"tags", "name", "namePrefix", "defaultVersion", "updateDefaultVersion"}

// templateData is what a version of a template holds.
func templateData(r *Record) map[string]any {
	data := CopyMap(r.Inputs)
	for _, name := range versionless {
		delete(data, name)
	}
	return data
}

func templateDataDiffers(c *Call) bool {
	return fmt.Sprint(templateData(c.New)) != fmt.Sprint(templateData(c.Old))
}

// addTemplateVersion keeps the data of every version: a group may launch an old one.
func addTemplateVersion(c *Call) error {
	versions, _ := c.New.Extra["versions"].([]any)
	versions = append(append([]any{}, versions...), templateData(c.New))
	c.New.Extra["versions"] = versions
	c.New.Outputs["latestVersion"] = float64(len(versions))
	return nil
}

// findTemplateVersion returns the data of a version: a number, $Latest, $Default or nothing, which is $Default.
func findTemplateVersion(template *Record, want string) (map[string]any, int, error) {
	versions, _ := template.Extra["versions"].([]any)
	n := template.Number("defaultVersion")
	switch want {
	case "", "$Default":
	case "$Latest":
		n = len(versions)
	default:
		var err error
		if n, err = strconv.Atoi(want); err != nil {
			n = 0
		}
	}
	if n < 1 || n > len(versions) {
		return nil, 0, Refuse("ValidationError: Version %s of launch template %s does not exist", want, template.ID)
	}
	return Object(versions[n-1]), n, nil
}

// instanceKind is what groups launch. No program asks for machines one by one.
var instanceKind = &Kind{
	Type: InstanceType, IDPrefix: "i", ARN: "arn:aws:ec2:%s:%s:instance/%s", Hidden: true,
	Missing:    "InvalidInstanceID.NotFound: The instance ID '%s' does not exist",
	InUse:      "OperationNotPermitted: The instance '%s' may not be terminated.",
	References: []Reference{{Path: "subnetId", To: []string{SubnetType}, OnDelete: Block}},
}

// groupTag is how EC2 tells whose a machine is.
const groupTag = "aws:autoscaling:groupName"

// launchOrder is what a group wants launched.
type launchOrder struct {
	group *Record
	data  map[string]any // of the launch template's version
	tags  map[string]string
	typ   string
	zone  string
	// subnet is where a new interface goes; nil when the template names one.
	subnet *Record
	// weights by type; weight is that of the next machine, and spot says how it is paid.
	weights map[string]int
	weight  int
	spot    bool
	// protected machines outlive a scale-in; inService is when they are, in model seconds from the beginning of the call.
	protected bool
	inService float64
}

// attachInterface finds the interface that a machine is to have: that which its template names, or a new one that goes when it goes.
func attachInterface(c *Call, o *launchOrder, machine *Record) (*Record, error) {
	nic := firstInterface(o.data)
	if eni := c.Find(Text(nic["networkInterfaceId"]), NetworkInterfaceType); eni != nil {
		return eni.Clone(), nil
	}
	eni, err := newInterface(c, o.subnet, machine, nil)
	if err != nil {
		return nil, err
	}
	groups := append(Texts(nic["securityGroups"]), Texts(o.data["vpcSecurityGroupIds"])...)
	if len(groups) > 0 {
		eni.Outputs["securityGroups"] = AnyList(groups)
	}
	if Bool(nic["associatePublicIpAddress"]) || nic["associatePublicIpAddress"] == nil && o.subnet.Bool("mapPublicIpOnLaunch") {
		eni.Extra["publicIp"] = c.NewAddress()
	}
	return eni, nil
}

// launchInstance starts one machine.
func launchInstance(c *Call, o launchOrder) error {
	machine := c.NewRecord(InstanceType, c.NewID("i"), o.group)
	eni, err := attachInterface(c, &o, machine)
	if err != nil {
		return err
	}
	eni.Extra["machine"] = machine.ID
	eni.Extra["attachment"] = c.NewID("eni-attach")
	subnet := c.Find(eni.Text("subnetId"), SubnetType)
	tags := map[string]any{}
	for _, spec := range Objects(o.data["tagSpecifications"]) {
		if Text(spec["resourceType"]) == "instance" {
			for name, v := range Object(spec["tags"]) {
				tags[name] = v
			}
		}
	}
	for name, v := range o.tags {
		tags[name] = v
	}
	machine.Outputs = map[string]any{
		"ami": o.data["imageId"], "instanceType": o.typ, "availabilityZone": o.zone, "subnetId": subnet.ID, "tags": tags,
		"iamInstanceProfile": Object(o.data["iamInstanceProfile"])["name"], "instanceState": "running",
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
	if list := Objects(data["networkInterfaces"]); len(list) > 0 {
		return list[0]
	}
	return map[string]any{}
}
