package session

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/preflight"
)

func TestInventoryQueriesGCPOnlyIfThePlanUsesIt(t *testing.T) {
	link, admission := &plan.Link{Project: "acme", Region: "us-west2"}, &plan.Admission{Project: "acme", Policy: "edge"}
	for _, c := range []struct {
		plan plan.Plan
		want []preflight.GCP
	}{
		{plan.Plan{}, nil},
		{plan.Plan{Link: link}, []preflight.GCP{{Project: "acme", Region: "us-west2"}}},
		{plan.Plan{Admission: admission}, []preflight.GCP{{Project: "acme", Policy: "edge"}}},
		{plan.Plan{Link: link, Admission: admission}, []preflight.GCP{{Project: "acme", Region: "us-west2", Policy: "edge"}}},
	} {
		var got []preflight.GCP
		for _, one := range realInventory(aws.Config{}, &c.plan).(preflight.Joined)[1:] {
			got = append(got, one.(preflight.GCP))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
}
