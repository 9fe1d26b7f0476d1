package emulator

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	launchTemplateType = "aws:ec2/launchTemplate:LaunchTemplate"
	instanceType       = "aws:ec2/instance:Instance"
)

func init() {
	define(launchTemplateKind, instanceKind)
}

// maxUserData is what EC2 takes, before base64.
const maxUserData = 16 * 1024

// imageReference is an image's id, or a public or own parameter that EC2 resolves at launch.
var imageReference = regexp.MustCompile(`^(ami-[0-9a-f]+|resolve:ssm:[\w./:-]+)$`)

var launchTemplateKind = &kind{
	typ: launchTemplateType, prefix: "lt", arn: "arn:aws:ec2:%s:%s:launch-template/%s",
	missing:  "InvalidLaunchTemplateId.NotFound: The specified launch template, with template ID %s, does not exist.",
	autoName: 125,
	unread:   []string{"updateDefaultVersion"},
	volatile: []string{"latestVersion", "defaultVersion"},
	notBoth:  [][]string{{"name", "namePrefix"}, {"instanceType", "instanceRequirements"}, {"defaultVersion", "updateDefaultVersion"}},
	refuse: []string{"instanceRequirements", "elasticGpuSpecifications", "elasticInferenceAccelerator", "licenseSpecifications",
		"securityGroupNames"},
	// All may go before the template does: a launch then fails.
	refs: []ref{
		{path: "vpcSecurityGroupIds[]", to: anyGroup},
		{path: "networkInterfaces[].securityGroups[]", to: anyGroup},
		{path: "networkInterfaces[].subnetId", to: []string{subnetType}},
		{path: "networkInterfaces[].networkInterfaceId", to: []string{networkInterfaceType}},
		{path: "iamInstanceProfile.name", to: []string{instanceProfileType}},
		{path: "iamInstanceProfile.arn", to: []string{instanceProfileType}},
	},
	check: checkTemplate,
	create: func(c *call) error {
		for _, other := range c.here(launchTemplateType) {
			if other.str("name") == c.rec.str("name") {
				return refused("InvalidLaunchTemplateName.AlreadyExistsException: Launch template name already in use: %s (%s)", other.str("name"), other.ID)
			}
		}
		c.rec.Outputs["defaultVersion"] = 1.0
		return c.addVersion()
	},
	update: func(c *call) error {
		if !c.versionDiffers() {
			return nil
		}
		if err := c.addVersion(); err != nil {
			return err
		}
		if c.rec.flag("updateDefaultVersion") {
			c.rec.Outputs["defaultVersion"] = c.rec.Outputs["latestVersion"]
		}
		return nil
	},
	live: func(_ *State, r *record) map[string]any {
		metadata := map[string]any{"httpEndpoint": "enabled", "httpTokens": "optional", "httpPutResponseHopLimit": 1.0,
			"httpProtocolIpv6": "disabled", "instanceMetadataTags": "disabled"}
		for name, v := range obj(r.Inputs["metadataOptions"]) {
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
	if image, known := text(m, "imageId"); known && !imageReference.MatchString(image) {
		bad("imageId", "%q is no image: want ami-… or resolve:ssm:PARAMETER", image)
	} else if len(given(m, []string{"imageId"})) == 0 {
		bad("imageId", "an image must be given")
	}
	if typ, known := text(m, "instanceType"); known {
		if _, ok := ec2types.Lookup(typ); !ok {
			bad("instanceType", "Invalid instance type: %s", typ)
		}
	}
	if data, known := text(m, "userData"); known {
		if raw, err := base64.StdEncoding.DecodeString(data); err != nil {
			bad("userData", "InvalidUserData.Malformed: Invalid BASE64 encoding of user data")
		} else if len(raw) > maxUserData {
			bad("userData", "InvalidParameterValue: User data is limited to %d bytes, this has %d", maxUserData, len(raw))
		}
	}
	if groups := given(m, []string{"vpcSecurityGroupIds"}); len(groups) > 0 && len(given(m, []string{"networkInterfaces"})) > 0 {
		bad("vpcSecurityGroupIds", "InvalidParameterCombination: Network interfaces and an instance-level security groups may not be specified on the same request")
	}
	return out
}

// versionless inputs belong to the template and not to one of its versions.
var versionless = []string{"tags", "name", "namePrefix", "defaultVersion", "updateDefaultVersion"}

// version is what a version of a template holds.
func version(r *record) map[string]any {
	data := copied(r.Inputs)
	for _, name := range versionless {
		delete(data, name)
	}
	return data
}

func (c *call) versionDiffers() bool {
	return fmt.Sprint(version(c.rec)) != fmt.Sprint(version(c.old))
}

// addVersion keeps the data of every version: a group may launch an old one.
func (c *call) addVersion() error {
	versions, _ := c.rec.Extra["versions"].([]any)
	versions = append(append([]any{}, versions...), version(c.rec))
	c.rec.Extra["versions"] = versions
	c.rec.Outputs["latestVersion"] = float64(len(versions))
	return nil
}

// templateVersion returns the data of a version: a number, $Latest, $Default or nothing, which is $Default.
func templateVersion(template *record, want string) (map[string]any, int, error) {
	versions, _ := template.Extra["versions"].([]any)
	n := template.num("defaultVersion")
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
		return nil, 0, refused("ValidationError: Version %s of launch template %s does not exist", want, template.ID)
	}
	return obj(versions[n-1]), n, nil
}

// instanceKind is what groups launch. No program asks for machines one by one.
var instanceKind = &kind{
	typ: instanceType, prefix: "i", arn: "arn:aws:ec2:%s:%s:instance/%s", hidden: true,
	missing: "InvalidInstanceID.NotFound: The instance ID '%s' does not exist",
	inUse:   "OperationNotPermitted: The instance '%s' may not be terminated.",
	refs:    []ref{{path: "subnetId", to: []string{subnetType}, when: holds}},
}

// groupTag is how EC2 tells whose a machine is.
const groupTag = "aws:autoscaling:groupName"

// order is what a group wants launched.
type order struct {
	group *record
	data  map[string]any // of the launch template's version
	tags  map[string]string
	typ   string
	zone  string
	// subnet is where a new interface goes; nil when the template names one.
	subnet *record
	// weights by type; weight is that of the next machine, and spot says how it is paid.
	weights map[string]int
	weight  int
	spot    bool
	// protected machines outlive a scale-in; inService is when they are, in model seconds from the beginning of the call.
	protected bool
	inService float64
}

// attach finds the interface that a machine is to have: that which its template names, or a new one that goes when it goes.
func (c *call) attach(o *order, machine *record) (*record, error) {
	nic := firstNIC(o.data)
	if eni := c.find(str(nic["networkInterfaceId"]), networkInterfaceType); eni != nil {
		return eni.clone(), nil
	}
	eni, err := c.newInterface(o.subnet, machine, nil)
	if err != nil {
		return nil, err
	}
	groups := append(strs(nic["securityGroups"]), strs(o.data["vpcSecurityGroupIds"])...)
	if len(groups) > 0 {
		eni.Outputs["securityGroups"] = anys(groups)
	}
	if flag(nic["associatePublicIpAddress"]) || nic["associatePublicIpAddress"] == nil && o.subnet.flag("mapPublicIpOnLaunch") {
		eni.Extra["publicIp"] = c.newAddress()
	}
	return eni, nil
}

// launch starts one machine.
func (c *call) launch(o order) error {
	machine := c.made(instanceType, c.newID("i"), o.group)
	eni, err := c.attach(&o, machine)
	if err != nil {
		return err
	}
	eni.Extra["machine"] = machine.ID
	eni.Extra["attachment"] = c.newID("eni-attach")
	subnet := c.find(eni.str("subnetId"), subnetType)
	tags := map[string]any{}
	for _, spec := range objs(o.data["tagSpecifications"]) {
		if str(spec["resourceType"]) == "instance" {
			for name, v := range obj(spec["tags"]) {
				tags[name] = v
			}
		}
	}
	for name, v := range o.tags {
		tags[name] = v
	}
	machine.Outputs = map[string]any{
		"ami": o.data["imageId"], "instanceType": o.typ, "availabilityZone": o.zone, "subnetId": subnet.ID, "tags": tags,
		"iamInstanceProfile": obj(o.data["iamInstanceProfile"])["name"], "instanceState": "running",
		"primaryNetworkInterfaceId": eni.ID, "privateIp": eni.str("privateIp"), "publicIp": c.st.publicAddress(eni),
		"lifecycleState": "InService", "inServiceSeconds": o.inService, "launchedBy": float64(c.cloud.seq + 1),
	}
	if o.spot {
		machine.Outputs["instanceLifecycle"] = "spot"
	}
	machine.Extra["weight"], machine.Extra["protected"] = float64(o.weight), o.protected
	c.set(machine)
	c.set(eni)
	return nil
}

// firstNIC is the first interface that a template's version describes; empty when it describes none.
func firstNIC(data map[string]any) map[string]any {
	if list := objs(data["networkInterfaces"]); len(list) > 0 {
		return list[0]
	}
	return map[string]any{}
}
