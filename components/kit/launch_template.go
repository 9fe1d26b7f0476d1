package kit

import (
	"encoding/base64"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// MaxUserData is the size limit of user data in bytes, before it is encoded. Source: EC2 user guide, "Run commands when you launch an EC2
// instance with user data input".
const MaxUserData = 16 << 10

// LaunchTemplate describes how EC2 launches a machine.
type LaunchTemplate struct {
	// Image is an image id, or resolve:ssm: with the name of the parameter that holds one. EC2 reads the parameter at each launch.
	Image string
	// InstanceType is empty where the group lists the types.
	InstanceType string
	// DiskGiB is the size of the root disk.
	DiskGiB int
	// UserData is the script of a machine's first boot. It holds no secrets.
	UserData string
	// Bucket is the name of the bucket from which the machine fetches its agent, known once the agent is in it.
	Bucket pulumi.StringInput
	// Profile is the instance profile with the machine's role.
	Profile *iam.InstanceProfile
	// Interface is the machine's first network interface.
	Interface ec2.LaunchTemplateNetworkInterfaceArgs
	// InstanceTags are the tags of instances, and Tags those of the volumes and interfaces that a launch creates. The provider's default
	// tags do not reach them.
	InstanceTags, Tags map[string]string
}

// CreateLaunchTemplate creates a launch template. It has no SSH key: people connect by Session Manager, which needs the machine's role.
func (c *Component) CreateLaunchTemplate(name string, l LaunchTemplate) (*ec2.LaunchTemplate, error) {
	launched := ec2.LaunchTemplateTagSpecificationArray{tagLaunched("instance", l.InstanceTags), tagLaunched("volume", l.Tags)}
	// An interface that exists already has its own tags.
	if l.Interface.NetworkInterfaceId == nil {
		launched = append(launched, tagLaunched("network-interface", l.Tags))
	}
	args := &ec2.LaunchTemplateArgs{
		ImageId: pulumi.String(l.Image), UpdateDefaultVersion: pulumi.Bool(true),
		UserData:           encodeUserData(l.Bucket, l.UserData),
		IamInstanceProfile: ec2.LaunchTemplateIamInstanceProfileArgs{Arn: l.Profile.Arn},
		MetadataOptions:    requireMetadataTokens(), BlockDeviceMappings: encryptRootDisk(l.DiskGiB),
		NetworkInterfaces: ec2.LaunchTemplateNetworkInterfaceArray{l.Interface},
		TagSpecifications: launched, Tags: NameTag(name),
	}
	if l.InstanceType != "" {
		args.InstanceType = pulumi.String(l.InstanceType)
	}
	return Create(c, ec2.NewLaunchTemplate, name, args)
}

// NewInterface returns a network interface that a launch creates and a termination deletes. Subnets assign no public addresses by
// themselves, so it states in either case whether the machine has one.
func NewInterface(publicAddress bool, group *ec2.SecurityGroup) ec2.LaunchTemplateNetworkInterfaceArgs {
	return ec2.LaunchTemplateNetworkInterfaceArgs{
		DeviceIndex: pulumi.Int(0), AssociatePublicIpAddress: pulumi.String(strconv.FormatBool(publicAddress)),
		SecurityGroups: pulumi.StringArray{group.ID()}, DeleteOnTermination: pulumi.String("true"),
	}
}

// ExistingInterface returns a network interface that exists before the machine and outlives it.
func ExistingInterface(i *ec2.NetworkInterface) ec2.LaunchTemplateNetworkInterfaceArgs {
	return ec2.LaunchTemplateNetworkInterfaceArgs{
		DeviceIndex: pulumi.Int(0), NetworkInterfaceId: i.ID(), DeleteOnTermination: pulumi.String("false"),
	}
}

// LatestVersion returns the newest version of a launch template, as groups take it.
func LatestVersion(template *ec2.LaunchTemplate) pulumi.StringOutput {
	return template.LatestVersion.ApplyT(strconv.Itoa).(pulumi.StringOutput)
}

// encodeUserData encodes a machine's user data. The output depends on the bucket's name, which exists once the agent is in the bucket:
// a machine that starts earlier finds no agent.
func encodeUserData(bucket pulumi.StringInput, text string) pulumi.StringOutput {
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	return bucket.ToStringOutput().ApplyT(func(string) string { return encoded }).(pulumi.StringOutput)
}

// requireMetadataTokens requires a token for instance metadata (version 2 of the service), and allows one network hop, so that CI jobs in
// containers do not reach the machine's credentials. It does not put tags into the metadata: with them, EC2 refuses to launch a machine
// that has a tag with a slash or a space in its key, and region files may have such keys.
func requireMetadataTokens() ec2.LaunchTemplateMetadataOptionsArgs {
	return ec2.LaunchTemplateMetadataOptionsArgs{
		HttpEndpoint: pulumi.String("enabled"), HttpTokens: pulumi.String("required"), HttpPutResponseHopLimit: pulumi.Int(1),
	}
}

// encryptRootDisk returns an encrypted gp3 root disk, which a termination deletes. Its device name is that of Debian's images.
func encryptRootDisk(gib int) ec2.LaunchTemplateBlockDeviceMappingArray {
	return ec2.LaunchTemplateBlockDeviceMappingArray{ec2.LaunchTemplateBlockDeviceMappingArgs{
		DeviceName: pulumi.String("/dev/xvda"),
		Ebs: ec2.LaunchTemplateBlockDeviceMappingEbsArgs{
			Encrypted: pulumi.String("true"), VolumeType: pulumi.String("gp3"), VolumeSize: pulumi.Int(gib),
			DeleteOnTermination: pulumi.String("true"),
		},
	}}
}

// tagLaunched returns the tags of one type of resource that a launch creates. The type is EC2's name for it, such as network-interface.
func tagLaunched(resourceType string, tags map[string]string) ec2.LaunchTemplateTagSpecificationArgs {
	return ec2.LaunchTemplateTagSpecificationArgs{ResourceType: pulumi.String(resourceType), Tags: pulumi.ToStringMap(tags)}
}
