package session

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/beachhead-build/beachhead/internal/clouds"
	awscloud "github.com/beachhead-build/beachhead/internal/clouds/aws"
	"github.com/beachhead-build/beachhead/internal/clouds/gcp"
	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// realInventory returns the inventory of a stack on real clouds. It queries GCP only if the plan has something there: a region without it
// needs no credentials for GCP.
func realInventory(cfg aws.Config, p *plan.Plan) inventory.Finder {
	all, google := clouds.Joined{awscloud.NewInventory(cfg)}, gcp.Inventory{}
	if l := p.Link; l != nil {
		google.Project, google.Region = l.Project, l.Region
	}
	if a := p.Admission; a != nil {
		google.Project, google.Policy = a.Project, a.Policy
	}
	if google.Project != "" {
		all = append(all, google)
	}
	return all
}
