package session

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/beachhead-build/beachhead/internal/clouds"
	"github.com/beachhead-build/beachhead/internal/clouds/gcp"
	"github.com/beachhead-build/beachhead/internal/plan"
)

func TestInventoryQueriesGCPOnlyIfThePlanUsesIt(t *testing.T) {
	link, admission := &plan.Link{Project: "acme", Region: "us-west2"}, &plan.Admission{Project: "acme", Policy: "edge"}
	for _, c := range []struct {
		plan plan.Plan
		want []gcp.Inventory
	}{
		{plan.Plan{}, nil},
		{plan.Plan{Link: link}, []gcp.Inventory{{Project: "acme", Region: "us-west2"}}},
		{plan.Plan{Admission: admission}, []gcp.Inventory{{Project: "acme", Policy: "edge"}}},
		{plan.Plan{Link: link, Admission: admission}, []gcp.Inventory{{Project: "acme", Region: "us-west2", Policy: "edge"}}},
	} {
		var got []gcp.Inventory
		for _, one := range realInventory(aws.Config{}, &c.plan).(clouds.Joined)[1:] {
			got = append(got, one.(gcp.Inventory))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
}
