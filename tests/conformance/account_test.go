//go:build conformance

package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dlm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// awsConfig is how the AWS SDK finds the side's moto.
func (s *side) awsConfig(t testing.TB, region string) aws.Config {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(region), config.WithBaseEndpoint(s.env["AWS_ENDPOINT_URL"]),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "test")))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// listing asks for the names of everything of one kind.
type listing struct {
	kind string
	list func(context.Context) ([]*string, error)
}

// newListing makes a listing of a call, and of what its answer holds. Moto answers each of these in one page.
func newListing[In, Out, Options any](kind string, in *In, call func(context.Context, *In, ...func(*Options)) (*Out, error),
	ids func(*Out) []*string) listing {
	return listing{kind, func(ctx context.Context) ([]*string, error) {
		out, err := call(ctx, in)
		if err != nil {
			return nil, err
		}
		return ids(out), nil
	}}
}

func idsOf[T any](all []T, id func(T) *string) []*string {
	var ids []*string
	for _, one := range all {
		ids = append(ids, id(one))
	}
	return ids
}

// listAccount lists everything that an account has in a region, of every kind that a region of ours consists of, whoever made it: no tag
// and no name is asked for, so that what lost its tags is seen as well.
func listAccount(t testing.TB, cfg aws.Config) []string {
	t.Helper()
	var all []string
	var errs []error
	for _, list := range slices.Concat(computeListings(ec2.NewFromConfig(cfg)), watchListings(cfg), namedListings(cfg)) {
		ids, err := list.list(t.Context())
		errs = append(errs, err)
		for _, id := range ids {
			if id != nil {
				all = append(all, list.kind+" "+*id)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// idUnless gives an id only of what is not gone: EC2 shows some things for a while after.
func idUnless(gone bool, id *string) *string {
	if gone {
		return nil
	}
	return id
}

func computeListings(c *ec2.Client) []listing {
	return []listing{
		newListing("vpc", &ec2.DescribeVpcsInput{}, c.DescribeVpcs, func(o *ec2.DescribeVpcsOutput) []*string {
			return idsOf(o.Vpcs, func(v ec2types.Vpc) *string { return v.VpcId })
		}),
		newListing("subnet", &ec2.DescribeSubnetsInput{}, c.DescribeSubnets, func(o *ec2.DescribeSubnetsOutput) []*string {
			return idsOf(o.Subnets, func(v ec2types.Subnet) *string { return v.SubnetId })
		}),
		newListing("route table", &ec2.DescribeRouteTablesInput{}, c.DescribeRouteTables, func(o *ec2.DescribeRouteTablesOutput) []*string {
			return idsOf(o.RouteTables, func(v ec2types.RouteTable) *string { return v.RouteTableId })
		}),
		newListing("internet gateway", &ec2.DescribeInternetGatewaysInput{}, c.DescribeInternetGateways,
			func(o *ec2.DescribeInternetGatewaysOutput) []*string {
				return idsOf(o.InternetGateways, func(v ec2types.InternetGateway) *string { return v.InternetGatewayId })
			}),
		newListing("NAT gateway", &ec2.DescribeNatGatewaysInput{}, c.DescribeNatGateways, func(o *ec2.DescribeNatGatewaysOutput) []*string {
			return idsOf(o.NatGateways, func(v ec2types.NatGateway) *string { return idUnless(v.State == "deleted", v.NatGatewayId) })
		}),
		newListing("address", &ec2.DescribeAddressesInput{}, c.DescribeAddresses, func(o *ec2.DescribeAddressesOutput) []*string {
			return idsOf(o.Addresses, func(v ec2types.Address) *string { return v.AllocationId })
		}),
		newListing("security group", &ec2.DescribeSecurityGroupsInput{}, c.DescribeSecurityGroups,
			func(o *ec2.DescribeSecurityGroupsOutput) []*string {
				return idsOf(o.SecurityGroups, func(v ec2types.SecurityGroup) *string { return v.GroupId })
			}),
		newListing("interface", &ec2.DescribeNetworkInterfacesInput{}, c.DescribeNetworkInterfaces,
			func(o *ec2.DescribeNetworkInterfacesOutput) []*string {
				return idsOf(o.NetworkInterfaces, func(v ec2types.NetworkInterface) *string { return v.NetworkInterfaceId })
			}),
		newListing("volume", &ec2.DescribeVolumesInput{}, c.DescribeVolumes, func(o *ec2.DescribeVolumesOutput) []*string {
			return idsOf(o.Volumes, func(v ec2types.Volume) *string { return v.VolumeId })
		}),
		newListing("machine", &ec2.DescribeInstancesInput{}, c.DescribeInstances, func(o *ec2.DescribeInstancesOutput) []*string {
			var ids []*string
			for _, r := range o.Reservations {
				ids = append(ids, idsOf(r.Instances, func(v ec2types.Instance) *string {
					return idUnless(v.State.Name == "terminated",
						v.InstanceId)
				})...)
			}
			return ids
		}),
		newListing("launch template", &ec2.DescribeLaunchTemplatesInput{}, c.DescribeLaunchTemplates,
			func(o *ec2.DescribeLaunchTemplatesOutput) []*string {
				return idsOf(o.LaunchTemplates, func(v ec2types.LaunchTemplate) *string { return v.LaunchTemplateId })
			}),
		newListing("flow log", &ec2.DescribeFlowLogsInput{}, c.DescribeFlowLogs, func(o *ec2.DescribeFlowLogsOutput) []*string {
			return idsOf(o.FlowLogs, func(v ec2types.FlowLog) *string { return v.FlowLogId })
		}),
		newListing("endpoint", &ec2.DescribeVpcEndpointsInput{}, c.DescribeVpcEndpoints, func(o *ec2.DescribeVpcEndpointsOutput) []*string {
			return idsOf(o.VpcEndpoints, func(v ec2types.VpcEndpoint) *string { return idUnless(v.State == "deleted", v.VpcEndpointId) })
		}),
		newListing("VPN gateway", &ec2.DescribeVpnGatewaysInput{}, c.DescribeVpnGateways, func(o *ec2.DescribeVpnGatewaysOutput) []*string {
			return idsOf(o.VpnGateways, func(v ec2types.VpnGateway) *string { return idUnless(v.State == "deleted", v.VpnGatewayId) })
		}),
		newListing("customer gateway", &ec2.DescribeCustomerGatewaysInput{}, c.DescribeCustomerGateways,
			func(o *ec2.DescribeCustomerGatewaysOutput) []*string {
				return idsOf(o.CustomerGateways, func(v ec2types.CustomerGateway) *string {
					return idUnless(aws.ToString(v.State) == "deleted", v.CustomerGatewayId)
				})
			}),
		newListing("VPN connection", &ec2.DescribeVpnConnectionsInput{}, c.DescribeVpnConnections,
			func(o *ec2.DescribeVpnConnectionsOutput) []*string {
				return idsOf(o.VpnConnections, func(v ec2types.VpnConnection) *string { return idUnless(v.State == "deleted", v.VpnConnectionId) })
			}),
	}
}

func watchListings(cfg aws.Config) []listing {
	groups, logs := autoscaling.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg)
	return []listing{
		newListing("group", &autoscaling.DescribeAutoScalingGroupsInput{}, groups.DescribeAutoScalingGroups,
			func(o *autoscaling.DescribeAutoScalingGroupsOutput) []*string {
				var ids []*string
				for _, g := range o.AutoScalingGroups {
					ids = append(ids, g.AutoScalingGroupName)
				}
				return ids
			}),
		newListing("scaling policy", &autoscaling.DescribePoliciesInput{}, groups.DescribePolicies,
			func(o *autoscaling.DescribePoliciesOutput) []*string {
				var ids []*string
				for _, p := range o.ScalingPolicies {
					ids = append(ids, p.PolicyName)
				}
				return ids
			}),
		{"alarm", func(ctx context.Context) ([]*string, error) {
			return inCloudWatch(ctx, cfg, "DescribeAlarms", "AlarmName")
		}},
		{"dashboard", func(ctx context.Context) ([]*string, error) {
			return inCloudWatch(ctx, cfg, "ListDashboards", "DashboardName")
		}},
		newListing("log group", &cloudwatchlogs.DescribeLogGroupsInput{}, logs.DescribeLogGroups,
			func(o *cloudwatchlogs.DescribeLogGroupsOutput) []*string {
				var ids []*string
				for _, g := range o.LogGroups {
					ids = append(ids, g.LogGroupName)
				}
				return ids
			}),
		newListing("snapshot policy", &dlm.GetLifecyclePoliciesInput{}, dlm.NewFromConfig(cfg).GetLifecyclePolicies,
			func(o *dlm.GetLifecyclePoliciesOutput) []*string {
				var ids []*string
				for _, p := range o.Policies {
					ids = append(ids, p.PolicyId)
				}
				return ids
			}),
	}
}

func namedListings(cfg aws.Config) []listing {
	return []listing{
		newListing("role", &iam.ListRolesInput{PathPrefix: aws.String("/beachhead/")}, iam.NewFromConfig(cfg).ListRoles,
			func(o *iam.ListRolesOutput) []*string {
				var ids []*string
				for _, r := range o.Roles {
					ids = append(ids, r.RoleName)
				}
				return ids
			}),
		newListing("instance profile", &iam.ListInstanceProfilesInput{}, iam.NewFromConfig(cfg).ListInstanceProfiles,
			func(o *iam.ListInstanceProfilesOutput) []*string {
				var ids []*string
				for _, p := range o.InstanceProfiles {
					ids = append(ids, p.InstanceProfileName)
				}
				return ids
			}),
		{"key", func(ctx context.Context) ([]*string, error) { return listKeys(ctx, kms.NewFromConfig(cfg)) }},
		newListing("zone", &route53.ListHostedZonesInput{}, route53.NewFromConfig(cfg).ListHostedZones,
			func(o *route53.ListHostedZonesOutput) []*string {
				var ids []*string
				for _, z := range o.HostedZones {
					ids = append(ids, z.Id)
				}
				return ids
			}),
		newListing("bucket", &s3.ListBucketsInput{}, s3.NewFromConfig(cfg).ListBuckets, func(o *s3.ListBucketsOutput) []*string {
			var ids []*string
			for _, b := range o.Buckets {
				ids = append(ids, b.Name)
			}
			return ids
		}),
		newListing("topic", &sns.ListTopicsInput{}, sns.NewFromConfig(cfg).ListTopics, func(o *sns.ListTopicsOutput) []*string {
			var ids []*string
			for _, each := range o.Topics {
				ids = append(ids, each.TopicArn)
			}
			return ids
		}),
		newListing("subscription", &sns.ListSubscriptionsInput{}, sns.NewFromConfig(cfg).ListSubscriptions,
			func(o *sns.ListSubscriptionsOutput) []*string {
				var ids []*string
				for _, each := range o.Subscriptions {
					ids = append(ids, each.Endpoint)
				}
				return ids
			}),
		newListing("parameter", &ssm.DescribeParametersInput{}, ssm.NewFromConfig(cfg).DescribeParameters,
			func(o *ssm.DescribeParametersOutput) []*string {
				var ids []*string
				for _, p := range o.Parameters {
					ids = append(ids, p.Name)
				}
				return ids
			}),
	}
}

// inCloudWatch asks without the SDK: that speaks CBOR, to which moto answers 404, and moto speaks the older protocol alone.
func inCloudWatch(ctx context.Context, cfg aws.Config, action, field string) ([]*string, error) {
	form := url.Values{"Action": {action}, "Version": {"2010-08-01"}}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, *cfg.BaseEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// moto reads the region and the service in this, and nothing else.
	q.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20250101/"+cfg.Region+
		"/monitoring/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("CloudWatch: %s: %s", answer.Status, text)
	}
	var ids []*string
	for _, m := range regexp.MustCompile("<"+field+">([^<]*)</"+field+">").FindAllSubmatch(text, -1) {
		ids = append(ids, aws.String(string(m[1])))
	}
	return ids, nil
}

// listKeys are those that are not on their way out, since a key cannot be deleted at once, and that are not the one that AWS itself makes
// for volumes, which stays. Moto makes several of that when several volumes come at once.
func listKeys(ctx context.Context, c *kms.Client) ([]*string, error) {
	all, err := c.ListKeys(ctx, &kms.ListKeysInput{})
	if err != nil {
		return nil, err
	}
	var ids []*string
	for _, k := range all.Keys {
		key, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: k.KeyId})
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", aws.ToString(k.KeyId), err)
		}
		own := strings.HasPrefix(aws.ToString(key.KeyMetadata.Description), "Default master key")
		ids = append(ids, idUnless(own || key.KeyMetadata.KeyState == kmstypes.KeyStatePendingDeletion, k.KeyId))
	}
	return ids, nil
}

// addedTo gives what is in a listing and was not before.
func addedTo(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(one string) bool {
		_, was := slices.BinarySearchFunc(before, one, cmp.Compare[string])
		return was
	})
}
