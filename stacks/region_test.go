package stacks_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/regions"
	"github.com/beachhead-build/beachhead/regions/plan"
	"github.com/beachhead-build/beachhead/stacks"
	"github.com/beachhead-build/beachhead/tests/golden"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

// shipped plans every region file that the project ships.
func shipped(t *testing.T) []*plan.Plan {
	t.Helper()
	files, err := filepath.Glob("../regions/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	configs, err := regions.LoadAll(files)
	if err != nil {
		t.Fatal(err)
	}
	var plans []*plan.Plan
	for _, c := range configs {
		p, err := plan.Build(c, configs...)
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, p)
	}
	if len(plans) < 2 {
		t.Fatalf("%d region files, want the two that the project ships", len(plans))
	}
	return plans
}

func TestGoldenPlans(t *testing.T) {
	for _, p := range shipped(t) {
		text, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, p.Name+"/plan.json", string(text)+"\n")
	}
}

func TestGoldenRegistrations(t *testing.T) {
	for _, p := range shipped(t) {
		golden.Compare(t, p.Name+"/registrations.txt", recorder.Record(t, stacks.Region(p)).String())
	}
}

// Every resource is made by the one explicit provider; a default provider would take whatever region the environment names.
func TestEveryResourceHasTheExplicitProvider(t *testing.T) {
	for _, r := range recorder.Record(t, stacks.Region(shipped(t)[0])) {
		if r.Custom && !strings.HasPrefix(r.Type, "pulumi:") && !strings.Contains(r.Provider, "pulumi:providers:aws::aws::") {
			t.Errorf("%s %s has the provider %q", r.Type, r.Name, r.Provider)
		}
	}
}

func TestProviderRefusesOtherAccountsAndTags(t *testing.T) {
	p := shipped(t)[0]
	provider := recorder.Record(t, stacks.Region(p)).Named(t, "pulumi:providers:aws", "aws")
	if got := fmt.Sprint(provider.Inputs["allowedAccountIds"]); !strings.Contains(got, p.Account) {
		t.Errorf("allowed accounts %s, want %s", got, p.Account)
	}
	if got := fmt.Sprint(provider.Inputs["defaultTags"]); !strings.Contains(got, plan.StackTag) {
		t.Errorf("default tags %s lack the stack's", got)
	}
}
