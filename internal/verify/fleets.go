package verify

import (
	"context"
	"fmt"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// checkFleets checks that each fleet is as large as the region's posture requires.
func (v verification) checkFleets(ctx context.Context) []check.Result {
	var results []check.Result
	for _, f := range v.plan.Fleets {
		p := probe[Group]{
			name: "fleet", target: f.Name, needs: [][]string{{"fleets", f.Name}},
			query: func(ctx context.Context, ids []string) (Group, bool, error) { return v.cloud.FindGroup(ctx, ids[0]) },
		}
		switch v.plan.Posture {
		case regionfile.Active:
			p.want = fmt.Sprintf("at least %d of capacity in service", f.Min)
			p.compare = func(g Group) (string, bool) {
				return fmt.Sprintf("%d of capacity in service, %s in all", g.InService, countMachines(g.Machines)), g.InService >= f.Min
			}
			p.nextStep = "machines need a minute or two: verify again; if they stay away, the group's activities show why (no capacity, a quota, " +
				"a machine that never reports ready): add instanceTypes to the fleet, or request a higher quota"
		case regionfile.Standby:
			p.want = "no machines"
			p.compare = func(g Group) (string, bool) { return countMachines(g.Machines), g.Machines == 0 }
			p.nextStep = "machines with running jobs finish them first: verify again later; if none runs a job, see the group's activities"
		case regionfile.Draining:
			// The number of machines depends on the jobs that run.
			p.want = "a group whose machines finish their jobs"
			p.compare = func(g Group) (string, bool) { return countMachines(g.Machines) + " left", true }
			p.nextStep = v.restore()
		}
		results = append(results, p.run(ctx, v.outputs))
	}
	return results
}

func countMachines(n int) string {
	if n == 1 {
		return "1 machine"
	}
	return fmt.Sprintf("%d machines", n)
}
