package engine

import (
	"strings"
	"testing"
)

func TestFailureHasOneLineForEachThing(t *testing.T) {
	f := &OperationError{Rest: "exit status 1", Diagnostics: []Diagnostic{
		{URN: "urn:pulumi:a::beachhead::aws:ec2/eip:Eip::net-nat-0", Message: "creating\n  EIP: AddressLimitExceeded"},
		{URN: "urn:pulumi:a::beachhead::aws:ec2/eip:Eip::net-nat-0", Message: "creating EIP: AddressLimitExceeded"},
		{URN: "urn:pulumi:a::beachhead::pulumi:pulumi:Stack::beachhead-a", Message: "update failed"},
	}}
	const want = "net-nat-0 (aws:ec2/eip:Eip): creating EIP: AddressLimitExceeded; request an increase of quota L-0263D0A3"
	if got := f.Error(); !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (&OperationError{Rest: "no pulumi"}).Error(); got != "no pulumi" {
		t.Errorf("without diagnostics %q", got)
	}
}

// Every word is found in the text that it is for, and what nobody knows is left as it is.
func TestNextStep(t *testing.T) {
	for _, n := range nextSteps {
		if got := nextStep("operation error EC2: api error " + n.code + ": no"); got == "" || n.step == "" {
			t.Errorf("no next step for %s", n.code)
		}
	}
	if got := nextStep("it broke"); got != "" {
		t.Errorf("%q for what nobody knows", got)
	}
}

func TestFindErrorLine(t *testing.T) {
	for report, want := range map[string]string{
		"failed to run update: exit status 255\ncode: 255\nstdout: \nstderr: error: no such stack\n": "no such stack",
		"failed\ncode: 1\nstdout: x\n  error: it broke\n":                                            "it broke",
		"something else\nmore": "something else",
	} {
		if got := findErrorLine(report); got != want {
			t.Errorf("%q gives %q, want %q", report, got, want)
		}
	}
}
