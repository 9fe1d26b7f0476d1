package verify

import (
	"context"
	"fmt"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// fleets asks whether each fleet is what the region's posture makes of it.
func fleets(ctx context.Context, p *plan.Plan, o Outputs, cloud Cloud) []Result {
	var results []Result
	for _, f := range p.Fleets {
		q := question[Group]{
			probe: "fleet", target: f.Name, needs: [][]string{{"fleets", f.Name}},
			ask: func(ids []string) (Group, bool, error) { return cloud.Group(ctx, ids[0]) },
		}
		switch p.Posture {
		case regionfile.Active:
			q.want = fmt.Sprintf("at least %d of capacity in service", f.Min)
			q.tell = func(g Group) (string, bool) {
				return fmt.Sprintf("%d of capacity in service, %s in all", g.InService, machines(g.Machines)), g.InService >= f.Min
			}
			q.next = "machines take a minute or two: verify again; if they do not come, the group's activities say why (no capacity, a quota, " +
				"a machine that does not say that it is ready): give the fleet more instanceTypes, or raise the quota"
		case regionfile.Standby:
			q.want = "no machines"
			q.tell = func(g Group) (string, bool) { return machines(g.Machines), g.Machines == 0 }
			q.next = "machines with running jobs end them first: verify again later; if none has a job, look at the group's activities"
		case regionfile.Draining:
			// How many are left depends on the jobs that run.
			q.want = "a group whose machines end their jobs"
			q.tell = func(g Group) (string, bool) { return machines(g.Machines) + " left", true }
			q.next = mend
		}
		results = append(results, q.answer(o))
	}
	return results
}

func machines(n int) string {
	if n == 1 {
		return "1 machine"
	}
	return fmt.Sprintf("%d machines", n)
}
