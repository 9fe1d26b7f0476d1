package gcplink_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

const ruleType = "gcp:compute/securityPolicyRule:SecurityPolicyRule"

// admission is a valid rule; tests edit it.
func admission(edit func(*gcplink.AdmissionArgs)) *gcplink.AdmissionArgs {
	a := &gcplink.AdmissionArgs{
		Stack: "us-west-1", Project: "acme-backend", Policy: "edge", Priority: 1000,
		Addresses: pulumi.StringMap{
			"net-nat-us-west-1b-0": pulumi.String("203.0.113.9"), "net-nat-us-west-1a-0": pulumi.String("203.0.113.10"),
		},
	}
	if edit != nil {
		edit(a)
	}
	return a
}

func TestAdmission(t *testing.T) {
	all := recorder.Record(t, func(ctx *pulumi.Context) error {
		_, err := gcplink.NewAdmission(ctx, "admission", admission(nil))
		return err
	})
	rule := all.Named(t, ruleType, "admission")
	for property, want := range map[resource.PropertyKey]string{
		"project": "acme-backend", "securityPolicy": "edge", "action": "allow", "description": "Beachhead: runners of us-west-1",
	} {
		if got := rule.Inputs[property].StringValue(); got != want {
			t.Errorf("%s is %q, want %q", property, got, want)
		}
	}
	if got := rule.Inputs["priority"].NumberValue(); got != 1000 {
		t.Errorf("priority %g", got)
	}
	match := rule.Inputs["match"].ObjectValue()
	ranges := texts(t, match["config"].ObjectValue()["srcIpRanges"])
	if match["versionedExpr"].StringValue() != "SRC_IPS_V1" || strings.Join(ranges, " ") != "203.0.113.9/32 203.0.113.10/32" {
		t.Errorf("it lets in %v by %v", ranges, match["versionedExpr"])
	}
	if parent := resource.URN(rule.Parent).Name(); parent != "admission" || len(all) != 2 {
		t.Errorf("parent %q, and %d resources: %s", parent, len(all), all)
	}
}

func TestAdmissionRefusals(t *testing.T) {
	for want, edit := range map[string]func(*gcplink.AdmissionArgs){
		"priority -1; want 0 to 2147483646": func(a *gcplink.AdmissionArgs) { a.Priority = -1 },
		"belongs to the default rule":       func(a *gcplink.AdmissionArgs) { a.Priority = 2147483647 },
		`policy ""; want all of them`:       func(a *gcplink.AdmissionArgs) { a.Policy = "" },
		"addresses are missing":             func(a *gcplink.AdmissionArgs) { a.Addresses = nil },
	} {
		err := pulumi.RunErr(func(ctx *pulumi.Context) error {
			_, err := gcplink.NewAdmission(ctx, "admission", admission(edit))
			return err
		}, pulumi.WithMocks("beachhead", "test", refuser{}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a refusal with %q", err, want)
		}
	}
}

// Too many addresses are an error with its remedy, not a rule that lets in some of them.
func TestAdmissionOfTooMany(t *testing.T) {
	many := pulumi.StringMap{}
	for i := range gcplink.MaxAdmitted + 1 {
		address := fmt.Sprint("203.0.113.", i)
		many[address] = pulumi.String(address)
	}
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, err := gcplink.NewAdmission(ctx, "admission", admission(func(a *gcplink.AdmissionArgs) { a.Addresses = many }))
		return err
	}, pulumi.WithMocks("beachhead", "test", accepter{}))
	if err == nil || !strings.Contains(err.Error(), "set network.addresses lower") {
		t.Errorf("%v, want a refusal", err)
	}
}

// accepter accepts every registration.
type accepter struct{ refuser }

func (accepter) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return a.Name + "-id", a.Inputs, nil
}
