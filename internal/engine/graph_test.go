package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ebs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

type part struct{ pulumi.ResourceState }

// small declares a component of a VPC and a subnet in it, an address after the component, a VPN connection with a key that the cloud makes
// up, a parameter with that key and another with a secret of the configuration, and a kept volume from a snapshot that is looked up.
func small(ctx *pulumi.Context) error {
	provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String("us-west-2")})
	if err != nil {
		return err
	}
	in := pulumi.Provider(provider)
	p := &part{}
	if err := ctx.RegisterComponentResource("beachhead:test:Part", "part", p, pulumi.Providers(provider)); err != nil {
		return err
	}
	vpc, err := ec2.NewVpc(ctx, "vpc", &ec2.VpcArgs{CidrBlock: pulumi.String("10.0.0.0/16")}, pulumi.Parent(p))
	if err != nil {
		return err
	}
	subnet, err := ec2.NewSubnet(ctx, "subnet", &ec2.SubnetArgs{
		VpcId: vpc.ID(), CidrBlock: pulumi.String("10.0.0.0/24"),
	}, pulumi.Parent(p))
	if err != nil {
		return err
	}
	// Pulumi resolves a dependency on a component to the children that are registered by then, and it registers in the background.
	registered := make(chan struct{})
	subnet.URN().ApplyT(func(pulumi.URN) bool {
		close(registered)
		return true
	})
	<-registered
	if _, err := ec2.NewEip(ctx, "address", &ec2.EipArgs{}, in, pulumi.DependsOn([]pulumi.Resource{p})); err != nil {
		return err
	}
	connection, err := ec2.NewVpnConnection(ctx, "connection", &ec2.VpnConnectionArgs{
		Type: pulumi.String("ipsec.1"), CustomerGatewayId: pulumi.String("cgw-1"),
	}, in)
	if err != nil {
		return err
	}
	token, err := config.TrySecret(ctx, "token")
	if err != nil {
		return err
	}
	for name, value := range map[string]pulumi.StringInput{"key": connection.Tunnel1PresharedKey, "token": token} {
		if _, err := ssm.NewParameter(ctx, name, &ssm.ParameterArgs{Type: pulumi.String("SecureString"), Value: value}, in); err != nil {
			return err
		}
	}
	newest := ebs.GetSnapshotIdsOutput(ctx, ebs.GetSnapshotIdsOutputArgs{}, in).Ids().ApplyT(func(ids []string) string {
		return strings.Join(ids, "")
	}).(pulumi.StringOutput)
	_, err = ebs.NewVolume(ctx, "volume", &ebs.VolumeArgs{AvailabilityZone: pulumi.String("us-west-2a"), SnapshotId: newest},
		in, pulumi.Protect(true), pulumi.RetainOnDelete(true))
	return err
}

func TestGraph(t *testing.T) {
	nodes, err := DeclaredResources("us-west-2", small, []string{"token"})
	if err != nil {
		t.Fatal(err)
	}
	after, byName := map[string]string{}, map[string]Node{}
	for _, node := range nodes {
		var names []string
		for _, urn := range node.After {
			names = append(names, urn[strings.LastIndex(urn, ":")+1:])
		}
		after[node.Name], byName[node.Name] = strings.Join(names, " "), node
	}
	want := map[string]string{
		"vpc": "", "subnet": "vpc", "address": "subnet vpc", "connection": "", "key": "connection", "token": "", "volume": "",
	}
	if fmt.Sprint(after) != fmt.Sprint(want) {
		t.Errorf("declared, each with what it needs: %v\nwant %v", after, want)
	}
	if !slices.IsSortedFunc(nodes, func(a, b Node) int { return strings.Compare(a.URN, b.URN) }) {
		t.Error("not sorted by URN")
	}
	if got, want := byName["subnet"].URN, "urn:pulumi:us-west-2::beachhead::beachhead:test:Part$aws:ec2/subnet:Subnet::subnet"; got != want {
		t.Errorf("URN %s, want %s", got, want)
	}
	if got := byName["subnet"].Inputs; got["cidrBlock"] != "10.0.0.0/24" || got["vpcId"] != nil {
		t.Errorf("a subnet's inputs %v, want its range and no VPC yet", got)
	}
	for _, name := range []string{"key", "token"} {
		if got := byName[name].Inputs["value"]; got != "[secret]" {
			t.Errorf("the parameter %s has the value %v", name, got)
		}
	}
	if v := byName["volume"]; !v.protect || !v.retain {
		t.Errorf("volume: protected %t, retained %t", v.protect, v.retain)
	}
}

func TestGraphFailsWithTheProgram(t *testing.T) {
	broken := errors.New("it broke")
	if _, err := DeclaredResources("us-west-2", func(*pulumi.Context) error { return broken }, nil); !errors.Is(err, broken) {
		t.Errorf("%v, want the program's own error", err)
	}
	if _, err := DeclaredResources("us-west-2", small, nil); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("%v, want the missing secret's name", err)
	}
}
