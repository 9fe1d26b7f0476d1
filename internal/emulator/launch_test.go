package emulator

import (
	"encoding/base64"
	"strings"
	"testing"
)

const debian = "resolve:ssm:/aws/service/debian/release/12/latest/arm64"

func TestLaunchTemplateRefusals(t *testing.T) {
	d := open(t)
	group := d.make(SecurityGroupType, "group", props{"vpcId": d.vpc("10.42.0.0/16").id})
	d.refusesToMake(LaunchTemplateType, props{"instanceType": "m7g.large"}, "imageId: an image must be given")
	d.refusesToMake(LaunchTemplateType, props{"imageId": "debian"}, `imageId: "debian" is no image`)
	d.refusesToMake(LaunchTemplateType, props{"imageId": debian, "instanceType": "m7g.huge"}, "Invalid instance type: m7g.huge")
	d.refusesToMake(LaunchTemplateType, props{"imageId": debian, "userData": "#!/bin/sh"}, "Invalid BASE64 encoding")
	long := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("#", maxUserData+1)))
	d.refusesToMake(LaunchTemplateType, props{"imageId": debian, "userData": long}, "User data is limited to 16384 bytes, this has 16385")
	d.refusesToMake(LaunchTemplateType, props{"imageId": debian, "vpcSecurityGroupIds": []any{group.id}, "networkInterfaces": []any{props{}}}, "InvalidParameterCombination")
	d.refusesToMake(LaunchTemplateType, props{"imageId": debian, "networkInterfaces": []any{props{"securityGroups": []any{"sg-none"}}}}, "InvalidGroup.NotFound")
	d.refusesToMake(LaunchTemplateType, props{"imageId": debian, "iamInstanceProfile": props{"name": "none"}}, "Instance Profile none cannot be found")
	d.make(LaunchTemplateType, "one", props{"imageId": "ami-0123456789abcdef0", "name": "one"})
	d.refusesToMake(LaunchTemplateType, props{"imageId": debian, "name": "one"}, "InvalidLaunchTemplateName.AlreadyExistsException")
}

func TestLaunchTemplateVersions(t *testing.T) {
	d := open(t)
	p := props{"imageId": debian, "instanceType": "m7g.large", "metadataOptions": props{"httpTokens": "required"}}
	lt := d.make(LaunchTemplateType, "lt", p)
	if m := lt.out("metadataOptions").(map[string]any); m["httpTokens"] != "required" || m["httpEndpoint"] != "enabled" {
		t.Errorf("metadata options = %v", m)
	}
	p["tags"] = props{"a": "b"}
	lt.update(p)
	if lt.out("latestVersion") != 1.0 {
		t.Errorf("tags made version %v", lt.out("latestVersion"))
	}
	p["instanceType"] = "m7g.xlarge"
	lt.update(p)
	if lt.out("latestVersion") != 2.0 || lt.out("defaultVersion") != 1.0 {
		t.Errorf("versions %v, default %v", lt.out("latestVersion"), lt.out("defaultVersion"))
	}
	p["instanceType"], p["updateDefaultVersion"] = "m7g.2xlarge", true
	lt.update(p)
	if lt.out("defaultVersion") != 3.0 {
		t.Errorf("default version = %v", lt.out("defaultVersion"))
	}
}
