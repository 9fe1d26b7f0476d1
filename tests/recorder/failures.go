package recorder

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// FailEach runs a program once for each resource that it registers and makes the SDK refuse that registration. The program must return an
// error that contains the resource's name; one that ignores the refusal fails the test. A refused resource has no outputs, so a program
// that continues may also panic, which fails the test too.
//
// FailEach then runs the program once more for each resource and makes the engine refuse it, as a cloud's error does. The SDK reports that
// error after the program has returned, so the run as a whole must fail.
func FailEach(t testing.TB, program pulumi.RunFunc, answers ...Answer) {
	t.Helper()
	all := Record(t, program, answers...)
	if len(all) < 2 {
		t.Fatalf("the program registers %d resources; want some besides the stack", len(all))
	}
	for _, r := range all {
		if r.Type == string(resource.RootStackType) {
			continue
		}
		var returned error
		_, _ = record(refuseInSDK(program, r, &returned), false, nil, answers) // the program's own error is checked below
		if returned == nil || !strings.Contains(returned.Error(), r.Name) {
			t.Errorf("the SDK refused %s %s, and the program returned %v; want an error with the resource's name", r.Type, r.Name, returned)
		}
		refusal := "no capacity for " + r.Name
		if err := refuseInEngine(program, r, refusal, answers); err == nil || !strings.Contains(err.Error(), refusal) {
			t.Errorf("the engine refused %s %s, and the run returned %v; want %q", r.Type, r.Name, err, refusal)
		}
	}
}

// refuseInSDK returns the program with one registration that the SDK refuses before it reaches the engine: an alias with two parents is
// invalid.
func refuseInSDK(program pulumi.RunFunc, refused Registration, returned *error) pulumi.RunFunc {
	twoParents := pulumi.Aliases([]pulumi.Alias{{ParentURN: pulumi.URN("urn:pulumi:a::b::c::d"), NoParent: pulumi.Bool(true)}})
	return func(ctx *pulumi.Context) error {
		if err := ctx.RegisterStackTransformation(func(r *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
			if r.Type != refused.Type || r.Name != refused.Name {
				return nil
			}
			return &pulumi.ResourceTransformationResult{Props: r.Props, Opts: append(r.Opts, twoParents)}
		}); err != nil {
			return err
		}
		*returned = program(ctx)
		return *returned
	}
}

// refuseInEngine runs the program and answers one registration with an error.
func refuseInEngine(program pulumi.RunFunc, refused Registration, refusal string, answers []Answer) error {
	m := &refuser{monitor: &monitor{answers: answers}, refused: refused, refusal: refusal}
	return pulumi.RunErr(program, pulumi.WithMocks("beachhead", "test", m))
}

type refuser struct {
	*monitor
	refused Registration
	refusal string
}

func (r *refuser) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if args.TypeToken == r.refused.Type && args.Name == r.refused.Name {
		return "", nil, errors.New(r.refusal)
	}
	return r.monitor.NewResource(args)
}
