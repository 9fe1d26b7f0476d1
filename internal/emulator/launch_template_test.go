package emulator_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestLaunchTemplateRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	group := d.Create(aws.SecurityGroupType, "group", props{"vpcId": d.VPC("10.42.0.0/16").ID})
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"instanceType": "m7g.large"}, "imageId: an image must be set")
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": "debian"}, `imageId: "debian" is not an image`)
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": emulatortest.DebianImage, "instanceType": "m7g.huge"},
		"Invalid instance type: m7g.huge")
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": emulatortest.DebianImage, "userData": "#!/bin/sh"},
		"Invalid BASE64 encoding")
	long := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("#", 16*1024+1)))
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": emulatortest.DebianImage, "userData": long},
		"User data is limited to 16384 bytes, this has 16385")
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": emulatortest.DebianImage, "vpcSecurityGroupIds": []any{group.ID},
		"networkInterfaces": []any{props{}}}, "InvalidParameterCombination")
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": emulatortest.DebianImage,
		"networkInterfaces": []any{props{"securityGroups": []any{"sg-none"}}}}, "InvalidGroup.NotFound")
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": emulatortest.DebianImage, "iamInstanceProfile": props{"name": "none"}},
		"Instance Profile none cannot be found")
	d.Create(aws.LaunchTemplateType, "one", props{"imageId": "ami-0123456789abcdef0", "name": "one"})
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": emulatortest.DebianImage, "name": "one"},
		"InvalidLaunchTemplateName.AlreadyExistsException")
}

func TestLaunchTemplateVersions(t *testing.T) {
	d := emulatortest.Start(t)
	p := props{"imageId": emulatortest.DebianImage, "instanceType": "m7g.large", "metadataOptions": props{"httpTokens": "required"}}
	lt := d.Create(aws.LaunchTemplateType, "lt", p)
	if m := lt.Output("metadataOptions").(map[string]any); m["httpTokens"] != "required" || m["httpEndpoint"] != "enabled" {
		t.Errorf("metadata options = %v", m)
	}
	p["tags"] = props{"a": "b"}
	lt.Update(p)
	if lt.Output("latestVersion") != 1.0 {
		t.Errorf("tags made version %v", lt.Output("latestVersion"))
	}
	p["instanceType"] = "m7g.xlarge"
	lt.Update(p)
	if lt.Output("latestVersion") != 2.0 || lt.Output("defaultVersion") != 1.0 {
		t.Errorf("versions %v, default %v", lt.Output("latestVersion"), lt.Output("defaultVersion"))
	}
	p["instanceType"], p["updateDefaultVersion"] = "m7g.2xlarge", true
	lt.Update(p)
	if lt.Output("defaultVersion") != 3.0 {
		t.Errorf("default version = %v", lt.Output("defaultVersion"))
	}
}
