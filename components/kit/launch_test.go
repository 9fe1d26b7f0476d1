package kit_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

const (
	templateType = "aws:ec2/launchTemplate:LaunchTemplate"
	script       = "#!/bin/sh\nexec planted\n"
)

// createMachines creates everything by which EC2 launches a machine with a new interface.
func createMachines(c *kit.Component) error {
	role, err := c.CreateMachineRole("part", kit.Role{Description: "Machines", PolicyName: "agent", Policy: pulumi.String("{}")})
	if err != nil {
		return err
	}
	group, err := c.CreateSecurityGroup("part", pulumi.String("vpc-1"), "Machines")
	if err != nil {
		return err
	}
	if _, err := c.AllowIngress("part-in", group, kit.Traffic{Port: 443, CIDR: "10.0.0.0/8"}); err != nil {
		return err
	}
	if _, err := c.AllowEgress("part-peers", group, kit.Traffic{Port: 2049, Group: group.ID()}); err != nil {
		return err
	}
	if _, err := c.AllowEgress("part-out", group, kit.Traffic{CIDR: kit.Anywhere}); err != nil {
		return err
	}
	template, err := c.CreateLaunchTemplate("part", kit.LaunchTemplate{
		Image: "resolve:ssm:/image", DiskGiB: 20, UserData: script, Bucket: pulumi.String("agents"), Profile: role.Profile,
		Interface: kit.NewInterface(true, group), InstanceTags: map[string]string{"Name": "machine"}, Tags: map[string]string{"Name": "disk"},
	})
	if err != nil {
		return err
	}
	_, err = kit.Create(c, autoscaling.NewGroup, "part", &autoscaling.GroupArgs{
		MaxSize: pulumi.Int(1), MinSize: pulumi.Int(1), InitialLifecycleHooks: kit.LifecycleHooks(600, 180, kit.Continue),
		LaunchTemplate: autoscaling.GroupLaunchTemplateArgs{Id: template.ID(), Version: kit.LatestVersion(template)},
		Tags:           kit.GroupTags(map[string]string{"b": "2", "a": "1", "c": "3"}),
	}, kit.IgnoreHookChanges())
	return err
}

// inputs returns a registration's inputs as text.
func inputs(r recorder.Registration, key resource.PropertyKey) string {
	return fmt.Sprint(recorder.Plain(r.Inputs[key]))
}

// expect compares inputs of one resource with their text.
func expect(t *testing.T, r recorder.Registration, want map[resource.PropertyKey]string) {
	t.Helper()
	for key, text := range want {
		if got := inputs(r, key); got != text {
			t.Errorf("%s %s has %s %s, want %s", r.Type, r.Name, key, got, text)
		}
	}
}

func TestMachinesWithANewInterface(t *testing.T) {
	all := record(t, createMachines)
	expect(t, all.Named(t, templateType, "part"), map[resource.PropertyKey]string{
		"imageId": "resolve:ssm:/image", "updateDefaultVersion": "true", "tags": "map[Name:part]", "instanceType": "<nil>", "keyName": "<nil>",
		"userData":            base64.StdEncoding.EncodeToString([]byte(script)),
		"iamInstanceProfile":  "map[arn:arn:aws:test:::part]",
		"metadataOptions":     "map[httpEndpoint:enabled httpPutResponseHopLimit:1 httpTokens:required]",
		"blockDeviceMappings": "[map[deviceName:/dev/xvda ebs:map[deleteOnTermination:true encrypted:true volumeSize:20 volumeType:gp3]]]",
		"networkInterfaces":   "[map[associatePublicIpAddress:true deleteOnTermination:true deviceIndex:0 securityGroups:[part-id]]]",
		"tagSpecifications": "[map[resourceType:instance tags:map[Name:machine]] map[resourceType:volume tags:map[Name:disk]] " +
			"map[resourceType:network-interface tags:map[Name:disk]]]",
	})
	group := all.Named(t, "aws:autoscaling/group:Group", "part")
	expect(t, group, map[resource.PropertyKey]string{
		"initialLifecycleHooks": "[map[defaultResult:ABANDON heartbeatTimeout:600 " +
			"lifecycleTransition:autoscaling:EC2_INSTANCE_LAUNCHING name:ready] " +
			"map[defaultResult:CONTINUE heartbeatTimeout:180 lifecycleTransition:autoscaling:EC2_INSTANCE_TERMINATING name:drain]]",
		"launchTemplate": "map[id:part-id version:1]",
		"tags": "[map[key:a propagateAtLaunch:false value:1] map[key:b propagateAtLaunch:false value:2] " +
			"map[key:c propagateAtLaunch:false value:3]]",
	})
	if len(group.Ignored) != 1 || group.Ignored[0] != "initialLifecycleHooks" {
		t.Errorf("the group ignores %q", group.Ignored)
	}
}

func TestMachineRole(t *testing.T) {
	all := record(t, createMachines)
	trust, err := kit.TrustPolicy(kit.EC2Service)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, all.Named(t, "aws:iam/role:Role", "part"), map[resource.PropertyKey]string{
		"path": "/beachhead/", "description": "Machines", "assumeRolePolicy": trust, "tags": "map[Name:part]",
	})
	expect(t, all.Named(t, "aws:iam/rolePolicy:RolePolicy", "part"), map[resource.PropertyKey]string{
		"role": "part", "name": "agent", "policy": "{}",
	})
	expect(t, all.Named(t, "aws:iam/instanceProfile:InstanceProfile", "part"), map[resource.PropertyKey]string{
		"role": "part", "path": "/beachhead/", "tags": "map[Name:part]",
	})
}

func TestSecurityGroupRules(t *testing.T) {
	all := record(t, createMachines)
	expect(t, all.Named(t, "aws:ec2/securityGroup:SecurityGroup", "part"), map[resource.PropertyKey]string{
		"vpcId": "vpc-1", "description": "Machines", "tags": "map[Name:part]", "ingress": "<nil>", "egress": "<nil>",
	})
	const ingress, egress = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
		"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	expect(t, all.Named(t, ingress, "part-in"), map[resource.PropertyKey]string{
		"securityGroupId": "part-id", "ipProtocol": "tcp", "fromPort": "443", "toPort": "443", "cidrIpv4": "10.0.0.0/8",
		"referencedSecurityGroupId": "<nil>", "tags": "map[Name:part-in]",
	})
	expect(t, all.Named(t, egress, "part-peers"), map[resource.PropertyKey]string{
		"securityGroupId": "part-id", "ipProtocol": "tcp", "fromPort": "2049", "toPort": "2049", "cidrIpv4": "<nil>",
		"referencedSecurityGroupId": "part-id", "tags": "map[Name:part-peers]",
	})
	expect(t, all.Named(t, egress, "part-out"), map[resource.PropertyKey]string{
		"ipProtocol": "-1", "fromPort": "<nil>", "toPort": "<nil>", "cidrIpv4": "0.0.0.0/0",
	})
}

// An interface that exists has its own tags and outlives the machine. Where the group lists no types, the template names one.
func TestMachinesWithAnExistingInterface(t *testing.T) {
	all := record(t, func(c *kit.Component) error {
		iface, err := kit.Create(c, ec2.NewNetworkInterface, "part", &ec2.NetworkInterfaceArgs{SubnetId: pulumi.String("subnet-1")})
		if err != nil {
			return err
		}
		role, err := c.CreateMachineRole("part", kit.Role{Policy: pulumi.String("{}")})
		if err != nil {
			return err
		}
		_, err = c.CreateLaunchTemplate("part", kit.LaunchTemplate{
			Image: "ami-1", InstanceType: "t4g.medium", Bucket: pulumi.String("agents"), Profile: role.Profile,
			Interface: kit.ExistingInterface(iface), InstanceTags: map[string]string{"Name": "machine"}, Tags: map[string]string{"Name": "disk"},
		})
		return err
	})
	expect(t, all.Named(t, templateType, "part"), map[resource.PropertyKey]string{
		"instanceType":      "t4g.medium",
		"networkInterfaces": "[map[deleteOnTermination:false deviceIndex:0 networkInterfaceId:part-id]]",
		"tagSpecifications": "[map[resourceType:instance tags:map[Name:machine]] map[resourceType:volume tags:map[Name:disk]]]",
	})
}

func TestEveryRefusalReachesTheCaller(t *testing.T) {
	recorder.FailEach(t, func(ctx *pulumi.Context) error { return build(ctx, createMachines) })
}

// A machine's user data waits for the bucket, because a machine that starts before the agent is in it finds none.
func TestUserDataWaitsForTheAgent(t *testing.T) {
	var bucket resource.URN
	all := record(t, func(c *kit.Component) error {
		address, err := kit.Create(c, ec2.NewEip, "bucket", &ec2.EipArgs{})
		if err != nil {
			return err
		}
		role, err := c.CreateMachineRole("part", kit.Role{Policy: pulumi.String("{}")})
		if err != nil {
			return err
		}
		_, err = c.CreateLaunchTemplate("part", kit.LaunchTemplate{
			Image: "ami-1", UserData: script, Bucket: address.PublicIp, Profile: role.Profile,
		})
		return err
	})
	for _, need := range all.Named(t, templateType, "part").Dependencies {
		if resource.URN(need).Name() == "bucket" {
			bucket = resource.URN(need)
		}
	}
	if bucket == "" {
		t.Error("the template does not wait for the source of the bucket's name")
	}
}
