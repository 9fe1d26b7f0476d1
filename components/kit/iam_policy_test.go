package kit_test

import (
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/components/kit"
)

// The bytes are fixed: a policy is part of the state of live stacks, and other bytes are a change in every region's preview.
func TestPolicyTexts(t *testing.T) {
	read := kit.Statement{Actions: []string{"ssm:GetParameter"}, Resources: []string{"arn:1"}}
	for want, render := range map[string]func() (string, error){
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:GetParameter"],"Resource":["arn:1"]},` +
			`{"Effect":"Deny","Action":["b:*","c:D"],"Resource":["arn:1","arn:2"],` +
			`"Condition":{"StringEquals":{"aws:ResourceTag/Name":"a","aws:ResourceTag/Stack":"b"}}}]}`: func() (string, error) {
			return kit.RolePolicy(read, kit.Statement{
				Effect: kit.Deny, Actions: []string{"b:*", "c:D"}, Resources: []string{"arn:1", "arn:2"},
				Conditions: kit.StringEquals(map[string]string{"aws:ResourceTag/Stack": "b", "aws:ResourceTag/Name": "a"}),
			})
		},
		`{"Version":"2012-10-17","Statement":[{"Sid":"TLSOnly","Effect":"Deny","Principal":"*","Action":"s3:*",` +
			`"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`: func() (string, error) {
			return kit.ResourcePolicy(kit.Statement{
				ID: "TLSOnly", Effect: kit.Deny, Principal: kit.Everybody, Actions: []string{"s3:*"},
				Resources: []string{"arn:aws:s3:::b", "arn:aws:s3:::b/*"}, Conditions: kit.Conditions{"Bool": {"aws:SecureTransport": "false"}},
			})
		},
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":"kms:*",` +
			`"Resource":"*"},{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":["kms:Decrypt","kms:Encrypt"],` +
			`"Resource":"*"}]}`: func() (string, error) {
			return kit.ResourcePolicy(
				kit.Statement{Principal: kit.AccountPrincipal("210987654321"), Actions: []string{"kms:*"}, Resources: []string{"*"}},
				kit.Statement{
					Principal: kit.ServicePrincipal("cloudwatch.amazonaws.com"), Actions: []string{"kms:Decrypt", "kms:Encrypt"},
					Resources: []string{"*"},
				},
			)
		},
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
			`"Principal":{"Service":"ec2.amazonaws.com"}}]}`: func() (string, error) {
			return kit.TrustPolicy(kit.EC2Service)
		},
	} {
		if got, err := render(); err != nil || got != want {
			t.Errorf("%s, %v; want\n%s", got, err, want)
		}
	}
}

// Machines read the folder of their agent and not the whole bucket, publish in one namespace, and touch only the group with their tags.
func TestMachineBasicsAreNarrow(t *testing.T) {
	policy, err := kit.RolePolicy(append(kit.AllowMachineBasics("us-west-1", "210987654321", "bucket"),
		kit.AllowOwnGroup("us-west-1", "210987654321", map[string]string{"Name": "fleet"}, "autoscaling:SetInstanceProtection"))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::bucket/agent/*"]}`,
		`{"Effect":"Allow","Action":["autoscaling:DescribeAutoScalingInstances"],"Resource":["*"]}`,
		`{"Effect":"Allow","Action":["cloudwatch:PutMetricData"],"Resource":["*"],` +
			`"Condition":{"StringEquals":{"cloudwatch:namespace":"Beachhead"}}}`,
		`{"Effect":"Allow","Action":["ssm:UpdateInstanceInformation"],"Resource":["arn:aws:ec2:us-west-1:210987654321:instance/*"]}`,
		`{"Effect":"Allow","Action":["ssmmessages:CreateControlChannel","ssmmessages:CreateDataChannel","ssmmessages:OpenControlChannel",` +
			`"ssmmessages:OpenDataChannel"],"Resource":["*"]}`,
		`{"Effect":"Allow","Action":["autoscaling:CompleteLifecycleAction","autoscaling:RecordLifecycleActionHeartbeat",` +
			`"autoscaling:SetInstanceProtection"],` +
			`"Resource":["arn:aws:autoscaling:us-west-1:210987654321:autoScalingGroup:*:autoScalingGroupName/*"],` +
			`"Condition":{"StringEquals":{"autoscaling:ResourceTag/Name":"fleet"}}}`,
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s\nlacks %s", policy, want)
		}
	}
	if got := strings.Count(policy, `"Effect"`); got != 6 {
		t.Errorf("%d statements, want 6: %s", got, policy)
	}
}
