//go:build machines

package lab

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestEC2(t *testing.T) {
	l, m, config := newInstanceClient(t)
	client := ec2.NewFromConfig(config)
	volume, iface := l.CreateShard(l.Plan.Cache.Shards[0], 1)
	filters := []types.Filter{{Name: aws.String("tag:Name"), Values: []string{"cache-shard-00"}}}
	volumes, err := client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{Filters: filters})
	if err != nil || len(volumes.Volumes) != 1 || *volumes.Volumes[0].VolumeId != volume ||
		volumes.Volumes[0].State != types.VolumeStateAvailable {
		t.Errorf("volumes: %v, %+v", err, volumes)
	}
	interfaces, err := client.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: filters})
	if err != nil || len(interfaces.NetworkInterfaces) != 1 || *interfaces.NetworkInterfaces[0].NetworkInterfaceId != iface ||
		*interfaces.NetworkInterfaces[0].PrivateIpAddress != l.Plan.Cache.Shards[0].Address.String() {
		t.Errorf("interfaces: %v, %+v", err, interfaces)
	}
	instances, err := client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{m.ID}})
	if err != nil || instances.Reservations[0].Instances[0].State.Name != types.InstanceStateNameRunning {
		t.Errorf("instances: %v, %+v", err, instances)
	}
	_, err = client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{"i-0ffffffffffffffff"}})
	if errorCodeOf(err) != "InvalidInstanceID.NotFound" {
		t.Error(err)
	}
	_, err = client.AttachVolume(t.Context(), &ec2.AttachVolumeInput{VolumeId: &volume, InstanceId: &m.ID, Device: aws.String("/dev/nvme1n1")})
	if errorCodeOf(err) != "InvalidParameterValue" {
		t.Error(err)
	}
	_, err = client.DetachVolume(t.Context(), &ec2.DetachVolumeInput{VolumeId: &volume})
	if errorCodeOf(err) != "IncorrectState" {
		t.Error(err)
	}
	_, err = client.DetachNetworkInterface(t.Context(), &ec2.DetachNetworkInterfaceInput{AttachmentId: aws.String("eni-attach-1")})
	if errorCodeOf(err) != "InvalidAttachmentID.NotFound" {
		t.Error(err)
	}
}
