package aws

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// LaunchTemplateType is the Pulumi type token of an EC2 launch template.
const LaunchTemplateType = "aws:ec2/launchTemplate:LaunchTemplate"

// maxUserData is EC2's limit in bytes, before base64.
const maxUserData = 16 * 1024

// imageReference is an image's id, or a public or own parameter that EC2 resolves at launch.
var imageReference = regexp.MustCompile(`^(ami-[0-9a-f]+|resolve:ssm:[\w./:-]+)$`)

var launchTemplateKind = &cloud.Kind{
	Type: LaunchTemplateType, IDPrefix: "lt", ARN: "arn:aws:ec2:%s:%s:launch-template/%s",
	Missing:        "InvalidLaunchTemplateId.NotFound: The specified launch template, with template ID %s, does not exist.",
	AutoNameLength: 125,
	WriteOnly:      []string{"updateDefaultVersion"},
	Volatile:       []string{"latestVersion", "defaultVersion"},
	AtMostOne:      [][]string{{"name", "namePrefix"}, {"instanceType", "instanceRequirements"}, {"defaultVersion", "updateDefaultVersion"}},
	Unsupported: []string{"instanceRequirements", "elasticGpuSpecifications", "elasticInferenceAccelerator", "licenseSpecifications",
		"securityGroupNames"},
	// All targets can be deleted before the template; a launch then fails.
	References: []cloud.Reference{
		{Path: "vpcSecurityGroupIds[]", To: anyGroup},
		{Path: "networkInterfaces[].securityGroups[]", To: anyGroup},
		{Path: "networkInterfaces[].subnetId", To: []string{SubnetType}},
		{Path: "networkInterfaces[].networkInterfaceId", To: []string{NetworkInterfaceType}},
		{Path: "iamInstanceProfile.name", To: []string{InstanceProfileType}},
		{Path: "iamInstanceProfile.arn", To: []string{InstanceProfileType}},
	},
	Check: checkTemplate,
	Create: func(c *cloud.Call) error {
		for _, other := range c.ListHere(LaunchTemplateType) {
			if other.Text("name") == c.New.Text("name") {
				return cloud.Refuse("InvalidLaunchTemplateName.AlreadyExistsException: Launch template name already in use: %s (%s)",
					other.Text("name"), other.ID)
			}
		}
		c.New.Outputs["defaultVersion"] = 1.0
		return addTemplateVersion(c)
	},
	Update: func(c *cloud.Call) error {
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
	Derive: func(_ *cloud.State, r *cloud.Record) map[string]any {
		metadata := map[string]any{"httpEndpoint": "enabled", "httpTokens": "optional", "httpPutResponseHopLimit": 1.0,
			"httpProtocolIpv6": "disabled", "instanceMetadataTags": "disabled"}
		for name, v := range cloud.Object(r.Inputs["metadataOptions"]) {
			metadata[name] = v
		}
		return map[string]any{"metadataOptions": metadata}
	},
}

// checkTemplate refuses a template that EC2 would not launch: no image, an unknown type, user data that is too long or not base64.
func checkTemplate(m resource.PropertyMap) []catalog.Failure {
	var out []catalog.Failure
	bad := func(property, format string, args ...any) {
		out = append(out, catalog.Failure{Property: property, Reason: fmt.Sprintf(format, args...)})
	}
	if image, known := cloud.KnownText(m, "imageId"); known && !imageReference.MatchString(image) {
		bad("imageId", "%q is not an image: want ami-… or resolve:ssm:PARAMETER", image)
	} else if len(cloud.GivenInputs(m, []string{"imageId"})) == 0 {
		bad("imageId", "an image must be set")
	}
	if typ, known := cloud.KnownText(m, "instanceType"); known {
		if _, ok := ec2types.Lookup(typ); !ok {
			bad("instanceType", "Invalid instance type: %s", typ)
		}
	}
	if data, known := cloud.KnownText(m, "userData"); known {
		if raw, err := base64.StdEncoding.DecodeString(data); err != nil {
			bad("userData", "InvalidUserData.Malformed: Invalid BASE64 encoding of user data")
		} else if len(raw) > maxUserData {
			bad("userData", "InvalidParameterValue: User data is limited to %d bytes, this has %d", maxUserData, len(raw))
		}
	}
	if groups := cloud.GivenInputs(m, []string{"vpcSecurityGroupIds"}); len(groups) > 0 &&
		len(cloud.GivenInputs(m, []string{"networkInterfaces"})) > 0 {
		bad("vpcSecurityGroupIds",
			"InvalidParameterCombination: Network interfaces and an instance-level security groups may not be specified on the same request")
	}
	return out
}

// versionless inputs belong to the template and not to one of its versions.
var versionless = []string{"tags", "name", "namePrefix", "defaultVersion", "updateDefaultVersion"}

// templateData returns the data of a template version.
func templateData(r *cloud.Record) map[string]any {
	data := cloud.CopyMap(r.Inputs)
	for _, name := range versionless {
		delete(data, name)
	}
	return data
}

func templateDataDiffers(c *cloud.Call) bool {
	return fmt.Sprint(templateData(c.New)) != fmt.Sprint(templateData(c.Old))
}

// addTemplateVersion stores the data of a new version. All versions stay, because a group may launch an old one.
func addTemplateVersion(c *cloud.Call) error {
	versions, _ := c.New.Extra["versions"].([]any)
	versions = append(append([]any{}, versions...), templateData(c.New))
	c.New.Extra["versions"] = versions
	c.New.Outputs["latestVersion"] = float64(len(versions))
	return nil
}

// findTemplateVersion returns the data of a version: a number, $Latest, $Default or nothing, which is $Default.
func findTemplateVersion(template *cloud.Record, want string) (map[string]any, int, error) {
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
		return nil, 0, cloud.Refuse("ValidationError: Version %s of launch template %s does not exist", want, template.ID)
	}
	return cloud.Object(versions[n-1]), n, nil
}
