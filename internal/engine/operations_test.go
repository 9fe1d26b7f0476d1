package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

func TestUpPreviewsBeforeItChangesAnything(t *testing.T) {
	f := &fakeStack{steps: []apitype.StepEventMetadata{planned(apitype.OpCreate, restype.VPC, "vpc")}}
	changes, err := f.open(vpcAndSubnet).Up(t.Context())
	if err != nil || len(changes.Steps) != 1 || len(changes.Adopted) != 0 {
		t.Fatalf("%+v, %v", changes, err)
	}
	f.wants(t, "find us-west-2", "export", "preview", "up")
}

// What a killed run created is in the state before anything else happens, with the parents and providers that it needs there.
func TestUpAdoptsBeforeItPreviews(t *testing.T) {
	f := &fakeStack{
		steps: []apitype.StepEventMetadata{planned(apitype.OpCreate, restype.VPC, "vpc"), planned(apitype.OpCreate, restype.Subnet, "subnet")},
		owned: []inventory.Resource{{Type: restype.VPC, Name: "vpc", ID: "vpc-1", ImportID: "vpc-1"}},
	}
	changes, err := f.open(vpcAndSubnet).Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.wants(t, "find us-west-2", "export", "preview", "up beachhead-us-west-2 aws", "export", "config", "import", "refresh vpc",
		"find us-west-2", "export", "preview", "up")
	if len(changes.Adopted) != 1 || changes.Adopted[0].ID != "vpc-1" || len(changes.Steps) != 1 || changes.Steps[0].Name != "subnet" {
		t.Errorf("adopted %+v, changed %+v; want the VPC adopted and the subnet created", changes.Adopted, changes.Steps)
	}
	if r := f.state.Resources; len(r) != 1 || r[0].ID != "vpc-1" || !r[0].Protect {
		t.Errorf("state %+v, want the VPC, protected as the program declares it", r)
	}
}

// A resource that is listed again and again, although it is in no state, ends the rounds all the same.
func TestUpAdoptsEachResourceOnce(t *testing.T) {
	f := &fakeStack{
		steps: []apitype.StepEventMetadata{planned(apitype.OpCreate, restype.VPC, "vpc")},
		owned: []inventory.Resource{{Type: restype.VPC, Name: "vpc", ID: "vpc-1", ImportID: "vpc-1"}},
	}
	forgetful := &forgetfulStack{f}
	s := &Stack{opts: Options{Name: "us-west-2", Program: vpcAndSubnet, Inventory: f}, stack: forgetful}
	if _, err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := countCalls(f.calls, "import"); got != 1 {
		t.Errorf("%d imports, want 1: %q", got, f.calls)
	}
}

// Entries that the inventory does not list are refreshed, and pending operations leave the state, before the preview.
func TestUpResolvesDoubtsBeforeItPreviews(t *testing.T) {
	f := &fakeStack{state: apitype.DeploymentV3{
		Resources:         []apitype.ResourceV3{entryOf(restype.VPC, "vpc", "vpc-1")},
		PendingOperations: []apitype.OperationV2{{Type: apitype.OperationTypeCreating, Resource: entryOf(restype.Subnet, "subnet", "")}},
	}}
	if _, err := f.open(vpcAndSubnet).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.wants(t, "find us-west-2", "export", "import", "refresh vpc", "preview", "up")
	if len(f.state.PendingOperations) != 0 {
		t.Errorf("pending operations %v are still in the state", f.state.PendingOperations)
	}
}

func TestUpDoesNotRunWhenItIsRefused(t *testing.T) {
	replaced := planned(apitype.OpReplace, restype.VPC, "vpc")
	replaced.Diffs = []string{"cidrBlock"}
	f := &fakeStack{steps: []apitype.StepEventMetadata{replaced}}
	if _, err := f.open(vpcAndSubnet).Up(t.Context()); !errors.Is(err, ErrRefused) {
		t.Errorf("%v, want a refusal", err)
	}
	f.wants(t, "find us-west-2", "export", "preview")
}

// The engine's own refusal of a protected resource is a refusal too, and not a failure.
func TestUpDoesNotRunWhenTheEngineRefuses(t *testing.T) {
	f := &fakeStack{previewErr: errors.New("failed"), diagnostics: []apitype.DiagnosticEvent{{
		Severity: "error", URN: urnOf(restype.Volume, "cache-shard-00"), Message: "resource cannot be deleted\nbecause it is protected.",
	}}}
	if _, err := f.open(vpcAndSubnet).Up(t.Context()); !errors.Is(err, ErrRefused) || errors.Is(err, ErrUntouched) {
		t.Errorf("%v, want a refusal", err)
	}
	f.wants(t, "find us-west-2", "export", "preview")
}

func TestUpDoesNotRunWhenThePreviewFails(t *testing.T) {
	f := &fakeStack{previewErr: errors.New("error: no such host")}
	_, err := f.open(vpcAndSubnet).Up(t.Context())
	if !errors.Is(err, ErrUntouched) || !strings.Contains(err.Error(), "previewing us-west-2: no such host") {
		t.Errorf("%v, want that nothing was changed", err)
	}
	f.wants(t, "find us-west-2", "export", "preview")
}

func TestNothingRunsWhenTheSearchFails(t *testing.T) {
	broken := errors.New("it broke")
	f := &fakeStack{findErr: broken}
	if _, err := f.open(vpcAndSubnet).Up(t.Context()); !errors.Is(err, broken) {
		t.Errorf("up: %v, want the search's error", err)
	}
	if _, err := f.open(vpcAndSubnet).Down(t.Context()); !errors.Is(err, broken) {
		t.Errorf("down: %v, want the search's error", err)
	}
	f.wants(t, "find us-west-2", "find us-west-2")
}

// A preview reports what an up would adopt and writes nothing.
func TestPreviewWritesNothing(t *testing.T) {
	f := &fakeStack{
		steps: []apitype.StepEventMetadata{planned(apitype.OpCreate, restype.VPC, "vpc"), planned(apitype.OpCreate, restype.Subnet, "subnet")},
		owned: []inventory.Resource{{Type: restype.VPC, Name: "vpc", ID: "vpc-1", ImportID: "vpc-1"}},
	}
	changes, err := f.open(vpcAndSubnet).Preview(t.Context())
	if err != nil || len(changes.Adopted) != 1 || len(changes.Steps) != 1 {
		t.Errorf("%+v, %v; want the VPC adopted and the subnet created", changes, err)
	}
	f.wants(t, "preview", "find us-west-2", "export")
	f.calls, f.steps = nil, []apitype.StepEventMetadata{planned(apitype.OpReplace, restype.VPC, "vpc")}
	if changes, err = f.open(vpcAndSubnet).Preview(t.Context()); !errors.Is(err, ErrRefused) || changes == nil {
		t.Errorf("%+v, %v; want the changes and a refusal", changes, err)
	}
}

// Without an inventory, or without a program, nothing is adopted.
func TestNothingIsAdoptedWithoutAnInventory(t *testing.T) {
	f := &fakeStack{}
	s := f.open(vpcAndSubnet)
	s.opts.Inventory = nil
	if _, err := s.Up(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := f.open(nil).Preview(t.Context()); err != nil {
		t.Error(err)
	}
	f.wants(t, "preview", "up", "preview")
}

// Runners terminate first, then cache servers, then NAT instances, then everything that they needed. The volume stays in the cloud.
func TestDownDrainsInOrder(t *testing.T) {
	f := &fakeStack{state: apitype.DeploymentV3{Resources: region()}}
	for _, r := range region() {
		f.owned = append(f.owned, inventory.Resource{Type: string(r.Type), Name: r.URN.Name(), ID: string(r.ID), ImportID: string(r.ID)})
	}
	changes, err := f.open(vpcAndSubnet).Down(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.wants(t, "find us-west-2", "export", "export", "import", "destroy")
	var names []string
	for _, step := range changes.Steps {
		names = append(names, step.Name)
	}
	for _, order := range [][]string{{"runners", "cache", "egress", "nat", "token"}, {"nat", "vpc"}} {
		for i := range len(order) - 1 {
			if slices.Index(names, order[i]) >= slices.Index(names, order[i+1]) {
				t.Errorf("deleted %v, want %s before %s", names, order[i], order[i+1])
			}
		}
	}
	if len(names) != 6 || len(changes.Kept) != 1 || changes.Kept[0].ID != "volume" || changes.Kept[0].Op != "keep" {
		t.Errorf("deleted %v and kept %+v, want everything deleted but the volume", names, changes.Kept)
	}
	for _, r := range f.state.Resources {
		if r.Protect {
			t.Errorf("%s is still protected, so the engine would refuse to release it", r.URN)
		}
	}
}

func TestDownDoesNotRunWhenItIsRefused(t *testing.T) {
	f := &fakeStack{state: apitype.DeploymentV3{Resources: region()}}
	f.state.Resources[0].Protect = true
	if _, err := f.open(nil).Down(t.Context()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "vpc") {
		t.Errorf("%v, want a refusal that names the VPC", err)
	}
	f.wants(t, "export")
}

// A state without machines and without kept resources stays as it is.
func TestDownWritesNoStateWithoutNeed(t *testing.T) {
	f := &fakeStack{state: apitype.DeploymentV3{Resources: []apitype.ResourceV3{entryOf(restype.VPC, "vpc", "vpc-1")}}}
	if _, err := f.open(nil).Down(t.Context()); err != nil {
		t.Error(err)
	}
	f.wants(t, "export", "destroy")
}

// A down writes the state for each of its two reasons alone: a kept resource, which must lose its protection, or machines, which need an
// order.
func TestDownWritesTheStateForEitherReason(t *testing.T) {
	kept := entryOf(restype.Volume, "volume", "vol-1")
	kept.Protect, kept.RetainOnDelete = true, true
	for name, resources := range map[string][]apitype.ResourceV3{
		"a kept volume": {kept}, "machines": {entryOf(restype.ScalingGroup, "runners", "runners"), entryOf(restype.VPC, "vpc", "vpc-1")},
	} {
		f := &fakeStack{state: apitype.DeploymentV3{Resources: resources}}
		if _, err := f.open(nil).Down(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.wants(t, "export", "import", "destroy")
	}
}

func TestOutputsHideSecrets(t *testing.T) {
	f := &fakeStack{}
	outputs, err := f.open(nil).Outputs(t.Context())
	if err != nil || outputs["vpcId"] != "vpc-1" || outputs["key"] != "[secret]" {
		t.Errorf("%v, %v", outputs, err)
	}
}

// Every call to Pulumi that fails fails the operation, with the stack's name or the engine's own words.
func TestFailuresOfPulumiEndAnOperation(t *testing.T) {
	for name, run := range map[string]func(*Stack) error{
		"up":        func(s *Stack) error { _, err := s.Up(t.Context()); return err },
		"preview":   func(s *Stack) error { _, err := s.Preview(t.Context()); return err },
		"down":      func(s *Stack) error { _, err := s.Down(t.Context()); return err },
		"outputs":   func(s *Stack) error { _, err := s.Outputs(t.Context()); return err },
		"resources": func(s *Stack) error { _, err := s.ReadResources(t.Context()); return err },
	} {
		f := &fakeStack{callErr: errors.New("stderr: error: the backend is down")}
		if err := run(f.open(nil)); err == nil || !strings.Contains(err.Error(), "us-west-2: the backend is down") || len(f.calls) != 1 {
			t.Errorf("%s: %v after %q", name, err, f.calls)
		}
	}
}
