package ci

import (
	"context"
	"maps"
	"testing"

	"github.com/beachhead-build/beachhead/node/ci/machinetest"
	"github.com/beachhead-build/beachhead/node/spec"
)

// lifeSteps returns the calls of a machine's life with its CI system, in order.
func lifeSteps(system System) []func(context.Context) error {
	return []func(context.Context) error{system.InstallAgent, system.EnsureRunning, system.DrainJobs, system.UnregisterMachine}
}

// runLife runs the life until an error.
func runLife(ctx context.Context, system System) error {
	for _, step := range lifeSteps(system) {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// The test kills each command once. The next life repeats the step and runs the rest. The machine then has the same
// state as without a kill, is not registered and contains no token.
func TestKilledInEveryStep(t *testing.T) {
	const secret = "planted4711"
	jobServ := newJobServ(t)
	jobServ.old = true // workers' names are free again, so that one server is enough
	for kind, c := range map[string]struct{ url, token string }{
		"jobserv":   {jobServ.URL, secret},
		"github":    {newGitHubServer(t, orgRunners).URL + "/acme", githubToken},
		"gitlab":    {newGitLab(t).URL, gitlabToken},
		"buildkite": {newBuildkite(t, secret).URL + "/v3", secret},
	} {
		agent := spec.Agent{Kind: kind, URL: c.url}
		model := newInstalledMachine(t)
		if err := runLife(t.Context(), newSystem(t, model, agent, c.token)); err != nil {
			t.Fatal(err)
		}
		want, steps := comparableState(model), len(model.CommandLog())
		if steps < 6 {
			t.Fatalf("%s: a life of %d commands", kind, steps)
		}
		for n := 1; n <= steps; n++ {
			m := newInstalledMachine(t)
			ctx := m.KillAtCommand(n, n%2 == 0)
			err := runLife(ctx, newSystem(t, m, agent, c.token))
			killed := m.CommandLog()[len(m.CommandLog())-1]
			if !m.CancelKill(ctx) || err == nil {
				t.Fatalf("%s: the kill in command %d did not happen: %v", kind, n, err)
			}
			if err := runLife(t.Context(), newSystem(t, m, agent, c.token)); err != nil {
				t.Errorf("%s, killed in %q: %v", kind, killed, err)
			}
			if got := comparableState(m); !maps.Equal(got, want) {
				t.Errorf("%s, killed in %q: the machine ends as %v\nwant %v", kind, killed, got, want)
			}
			if found := m.FindText(c.token); len(found) > 0 {
				t.Errorf("%s, killed in %q: the token stays in %v", kind, killed, found)
			}
		}
	}
}

// comparableState returns the machine's state except the configuration that GitHub creates at each request.
func comparableState(m *machinetest.Machine) map[string]string {
	return m.SnapshotState(githubSecret(0))
}
