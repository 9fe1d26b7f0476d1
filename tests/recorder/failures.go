package recorder

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// FailEach runs a program once for each resource that it registers, and calls FailOne for it.
func FailEach(t testing.TB, program pulumi.RunFunc, answers ...Answer) {
	t.Helper()
	all := Record(t, program, answers...)
	if len(all) < 2 {
		t.Fatalf("the program registers %d resources; want some besides the stack", len(all))
	}
	for _, r := range all {
		if r.Type != string(resource.RootStackType) {
			FailOne(t, nil, program, r, answers...)
		}
	}
}

// FailOne runs a program, with the stack's configuration, and makes the SDK refuse one registration. The program must return an error
// that contains the resource's name; one that ignores the refusal fails the test. A refused resource has no outputs, so a program that
// continues may also panic, which fails the test too.
//
// FailOne then runs the program again and makes the engine refuse the registration, as it does for a cloud's error. The SDK reports that
// error after the program has returned, so the run as a whole must fail.
func FailOne(t testing.TB, config map[string]string, program pulumi.RunFunc, refused Registration, answers ...Answer) {
	t.Helper()
	var returned error
	_, _ = run(refuseInSDK(program, refused, &returned), &monitor{answers: answers}, config) // the program's own error is checked below
	if returned == nil || !strings.Contains(returned.Error(), refused.Name) {
		t.Errorf("the SDK refused %s %s, and the program returned %v; want an error with the resource's name",
			refused.Type, refused.Name, returned)
	}
	refusal := "no capacity for " + refused.Name
	refuses := &monitor{answers: answers, refused: &refused, refusal: errors.New(refusal)}
	if _, err := run(program, refuses, config); err == nil || !strings.Contains(err.Error(), refusal) {
		t.Errorf("the engine refused %s %s, and the run returned %v; want %q", refused.Type, refused.Name, err, refusal)
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
