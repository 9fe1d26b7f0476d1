package emulator

import (
	"encoding/base64"
	"strings"
	"testing"
)

const DebianImage = "resolve:ssm:/aws/service/debian/release/12/latest/arm64"

func TestLaunchTemplateRefusals(t *testing.T) {
	d := Start(t)
	group := d.Create(SecurityGroupType, "group", Props{"vpcId": d.VPC("10.42.0.0/16").ID})
	d.RequireCreateRefusal(LaunchTemplateType, Props{"instanceType": "m7g.large"}, "imageId: an image must be given")
	d.RequireCreateRefusal(LaunchTemplateType, Props{"imageId": "debian"}, `imageId: "debian" is no image`)
	d.RequireCreateRefusal(LaunchTemplateType, Props{"imageId": DebianImage, "instanceType": "m7g.huge"}, "Invalid instance type: m7g.huge")
	d.RequireCreateRefusal(LaunchTemplateType, Props{"imageId": DebianImage, "userData": "#!/bin/sh"}, "Invalid BASE64 encoding")
	long := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("#", 16*1024+1)))
	d.RequireCreateRefusal(LaunchTemplateType, Props{"imageId": DebianImage, "userData": long}, "User data is limited to 16384 bytes, this has 16385")
	d.RequireCreateRefusal(LaunchTemplateType, Props{"imageId": DebianImage, "vpcSecurityGroupIds": []any{group.ID}, "networkInterfaces": []any{Props{}}}, "InvalidParameterCombination")
	d.RequireCreateRefusal(LaunchTemplateType, Props{"imageId": DebianImage, "networkInterfaces": []any{Props{"securityGroups": []any{"sg-none"}}}}, "InvalidGroup.NotFound")
	d.RequireCreateRefusal(LaunchTemplateType, Props{"imageId": DebianImage, "iamInstanceProfile": Props{"name": "none"}}, "Instance Profile none cannot be found")
	d.Create(LaunchTemplateType, "one", Props{"imageId": "ami-0123456789abcdef0", "name": "one"})
	d.RequireCreateRefusal(LaunchTemplateType, Props{"imageId": DebianImage, "name": "one"}, "InvalidLaunchTemplateName.AlreadyExistsException")
}

func TestLaunchTemplateVersions(t *testing.T) {
	d := Start(t)
	p := Props{"imageId": DebianImage, "instanceType": "m7g.large", "metadataOptions": Props{"httpTokens": "required"}}
	lt := d.Create(LaunchTemplateType, "lt", p)
	if m := lt.Output("metadataOptions").(map[string]any); m["httpTokens"] != "required" || m["httpEndpoint"] != "enabled" {
		t.Errorf("metadata options = %v", m)
	}
	p["tags"] = Props{"a": "b"}
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
