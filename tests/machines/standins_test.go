//go:build machines

package machines

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/beachhead-build/beachhead/internal/plan"
)

// inside is an instance without QEMU, and an AWS configuration with which Amazon's own SDK speaks from it: through the network, by name, with the
// laboratory's authority.
func inside(t *testing.T) (*Lab, *Machine, aws.Config) {
	t.Helper()
	folder := t.TempDir()
	if err := makeAuthority(folder); err != nil {
		t.Fatal(err)
	}
	trust, err := readAuthority(folder)
	if err != nil {
		t.Fatal(err)
	}
	l := newRegion(t, "lab.yaml", trust)
	one, first := l.instance("containers", "", "m7i.large", l.Plan.Network.Zones[0].Name, plan.PrivateTier)
	g := guest(t, l.fabric, first.card)
	roots := x509.NewCertPool()
	roots.AddCert(trust.certificate)
	role := l.EC2.role(one)
	return l, one.machine, aws.Config{
		Region:           l.Plan.Region,
		Credentials:      aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return role, nil }),
		RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, _, target string) (net.Conn, error) {
				host, port, err := net.SplitHostPort(target)
				if err != nil {
					return nil, err
				}
				number, err := strconv.ParseUint(port, 10, 16)
				address, known := l.names.find(host)
				if err != nil || !known {
					return nil, errors.New("no such name: " + target)
				}
				return gonet.DialContextTCP(ctx, g.stack, full(netip.AddrPortFrom(address, uint16(number))), header.IPv4ProtocolNumber)
			},
		}},
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return "none"
}

func TestEC2(t *testing.T) {
	l, m, config := inside(t)
	client := ec2.NewFromConfig(config)
	volume, iface := l.Shard(l.Plan.Cache.Shards[0], 1)
	filters := []types.Filter{{Name: aws.String("tag:Name"), Values: []string{"cache-shard-00"}}}
	volumes, err := client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{Filters: filters})
	if err != nil || len(volumes.Volumes) != 1 || *volumes.Volumes[0].VolumeId != volume || volumes.Volumes[0].State != types.VolumeStateAvailable {
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
	if code(err) != "InvalidInstanceID.NotFound" {
		t.Error(err)
	}
	_, err = client.AttachVolume(t.Context(), &ec2.AttachVolumeInput{VolumeId: &volume, InstanceId: &m.ID, Device: aws.String("/dev/nvme1n1")})
	if code(err) != "InvalidParameterValue" {
		t.Error(err)
	}
	_, err = client.DetachVolume(t.Context(), &ec2.DetachVolumeInput{VolumeId: &volume})
	if code(err) != "IncorrectState" {
		t.Error(err)
	}
	_, err = client.DetachNetworkInterface(t.Context(), &ec2.DetachNetworkInterfaceInput{AttachmentId: aws.String("eni-attach-1")})
	if code(err) != "InvalidAttachmentID.NotFound" {
		t.Error(err)
	}
}

func TestScaling(t *testing.T) {
	l, m, config := inside(t)
	client := autoscaling.NewFromConfig(config)
	state := func() string {
		out, err := client.DescribeAutoScalingInstances(t.Context(), &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{m.ID}})
		if err != nil || len(out.AutoScalingInstances) != 1 || *out.AutoScalingInstances[0].AutoScalingGroupName != "containers" {
			t.Fatalf("%v, %+v", err, out)
		}
		return *out.AutoScalingInstances[0].LifecycleState
	}
	complete := func(hook string) error {
		_, err := client.CompleteLifecycleAction(t.Context(), &autoscaling.CompleteLifecycleActionInput{
			AutoScalingGroupName: aws.String("containers"), InstanceId: &m.ID, LifecycleHookName: &hook, LifecycleActionResult: aws.String("CONTINUE"),
		})
		return err
	}
	if got := state(); got != PendingWait {
		t.Errorf("at first %s", got)
	}
	if err := complete("drain"); code(err) != "ValidationError" {
		t.Errorf("a hook that does not wait: %v", err)
	}
	_, err := client.RecordLifecycleActionHeartbeat(t.Context(), &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: aws.String("containers"), InstanceId: &m.ID, LifecycleHookName: aws.String("ready"),
	})
	if err != nil || l.Scaling.Heartbeats(m, "ready") != 1 {
		t.Errorf("heartbeat: %v", err)
	}
	if err := complete("ready"); err != nil || state() != InService {
		t.Errorf("ready: %v, %s", err, state())
	}
	_, err = client.SetInstanceProtection(t.Context(), &autoscaling.SetInstanceProtectionInput{
		AutoScalingGroupName: aws.String("containers"), InstanceIds: []string{m.ID}, ProtectedFromScaleIn: aws.Bool(true),
	})
	if err != nil || !l.Scaling.Protected(m) {
		t.Errorf("protection: %v", err)
	}
	l.Scaling.Terminate(m)
	if got := state(); got != TerminatingWait {
		t.Errorf("ordered to go: %s", got)
	}
}

func TestParametersAndMetrics(t *testing.T) {
	l, _, config := inside(t)
	client := ssm.NewFromConfig(config)
	get := func(name string) (string, error) {
		out, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		if err != nil {
			return "", err
		}
		return *out.Parameter.Value, nil
	}
	if _, err := get("/nothing"); code(err) != "ParameterNotFound" {
		t.Error(err)
	}
	l.Parameters.Set("/map", "first")
	_, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/map"), Value: aws.String("second"), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"/map": "second", "/map:1": "first", "/map:2": "second"} {
		if got, err := get(name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := get("/map:3"); code(err) != "ParameterVersionNotFound" {
		t.Error(err)
	}
	_, err = cloudwatch.NewFromConfig(config).PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{
		Namespace: aws.String("Beachhead"), MetricData: []cloudwatchtypes.MetricDatum{{
			MetricName: aws.String("Busy"), Value: aws.Float64(12.5), Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("Fleet"), Value: aws.String("f")}},
		}},
	})
	if got := l.Metrics("Busy"); err != nil || len(got) != 1 || got[0].Value != 12.5 || got[0].Namespace != "Beachhead" || got[0].Dimensions["Fleet"] != "f" {
		t.Errorf("metrics: %v, %v", err, got)
	}
}

// The role's signature is taken, and one with another secret, for another service or of yesterday is refused.
func TestSignature(t *testing.T) {
	l, m, _ := inside(t)
	right := l.EC2.role(l.EC2.instances[m.ID])
	wrong := right
	wrong.SecretAccessKey = "another"
	for name, sign := range map[string]struct {
		role    aws.Credentials
		service string
		at      time.Time
		taken   bool
	}{
		"right":           {right, "ec2", time.Now(), true},
		"another secret":  {wrong, "ec2", time.Now(), false},
		"another service": {right, "ssm", time.Now(), false},
		"yesterday":       {right, "ec2", time.Now().AddDate(0, 0, -1), false},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://ec2.us-west-2.amazonaws.com/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		if err := v4.NewSigner().SignHTTP(t.Context(), sign.role, request, empty, sign.service, l.Plan.Region, sign.at); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.EC2.caller(request, "ec2"); (err == nil) != sign.taken {
			t.Errorf("%s: %v", name, err)
		}
	}
}
