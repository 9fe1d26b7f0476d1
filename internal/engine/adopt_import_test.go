package engine

import (
	"testing"
)

func TestProviderURN(t *testing.T) {
	const urn = "urn:pulumi:us-west-1::beachhead::pulumi:providers:aws::aws"
	if got := providerURN(urn + "::8a1c-22"); got != urn {
		t.Errorf("%q, want %q", got, urn)
	}
}
