//go:build conformance

package conformance

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ebs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// lacks says what the AWS plugin lacks of what the program uses. The published plugin lacks nothing. One that was built from fewer
// resources, for machines without internet, may lack these two; what needs them is then left out of the plans for both sides.
type lacks struct{ reservations, snapshots bool }

func (l lacks) any() bool { return l.reservations || l.snapshots }

func (l lacks) leaveOut(p *plan.Plan) {
	if p.Cache == nil {
		return
	}
	if l.reservations {
		p.Cache.Reserved = nil
	}
	if l.snapshots {
		p.Cache.Seed = ""
	}
}

// lacking asks the plugin, with a preview of a program that has nothing else.
func lacking(t testing.TB) lacks {
	t.Helper()
	s := realSide(t, "lacks", startRecorder(t, project, "default", ""))
	var found lacks
	program := func(ctx *pulumi.Context) error {
		amazon, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String("us-west-2")})
		if err != nil {
			return err
		}
		if _, err := ebs.GetSnapshotIds(ctx, &ebs.GetSnapshotIdsArgs{Owners: []string{"self"}}, pulumi.Provider(amazon)); err != nil {
			found.snapshots = isUnknown(err)
		}
		_, err = ec2.NewSubnetCidrReservation(ctx, "fixed", &ec2.SubnetCidrReservationArgs{
			SubnetId: pulumi.String("subnet-0"), CidrBlock: pulumi.String("10.0.0.0/28"), ReservationType: pulumi.String("explicit"),
		}, pulumi.Provider(amazon))
		return err
	}
	stack, err := engine.Open(t.Context(), engine.Options{
		Name: "lacks", Program: program, Root: projectRoot(t), WorkDir: filepath.Join(s.dir, "work"), Env: s.env,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stack.Preview(t.Context()); err != nil {
		if found.reservations = isUnknown(err); !found.reservations {
			t.Fatal(err)
		}
	}
	if found.any() {
		t.Logf("this AWS plugin lacks SubnetCidrReservation: %t, getSnapshotIds: %t; what needs them is left out", found.reservations,
			found.snapshots)
	}
	return found
}

// isUnknown says that a plugin does not know a resource or function at all.
func isUnknown(err error) bool {
	text := err.Error()
	return (strings.Contains(text, "Resource type '") || strings.Contains(text, "Invoke '")) && strings.Contains(text, "' not found")
}
