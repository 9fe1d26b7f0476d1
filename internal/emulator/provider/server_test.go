package provider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
	"github.com/beachhead-build/beachhead/internal/emulator/provider"
)

func TestEnvironmentNamesBothClouds(t *testing.T) {
	d := emulatortest.Start(t)
	server, err := provider.Serve(d.Cloud)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // the test is over
	names := []string{}
	for _, at := range strings.Split(server.Env()["PULUMI_DEBUG_PROVIDERS"], ",") {
		name, _, _ := strings.Cut(at, ":")
		names = append(names, name)
	}
	if !slices.Equal(names, []string{"aws", "gcp"}) {
		t.Errorf("providers %v", names)
	}
}

func TestServerEnds(t *testing.T) {
	d := emulatortest.Start(t)
	server, err := provider.Serve(d.Cloud)
	if err != nil {
		t.Fatal(err)
	}
	if env := server.Env()["PULUMI_DEBUG_PROVIDERS"]; !strings.HasPrefix(env, "aws:") {
		t.Errorf("environment: %q", env)
	}
	for range 2 {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
}
