package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
)

func TestMissingSecrets(t *testing.T) {
	there := config.Map{
		config.MustMakeKey(Project, "there"): config.NewSecureValue("sealed"),
		config.MustMakeKey(Project, "plain"): config.NewValue("for all to see"),
		config.MustMakeKey("aws", "foreign"): config.NewSecureValue("sealed"),
	}
	got := missingSecrets([]string{"there", "plain", "foreign", "absent", "absent"}, there)
	if want := []string{"plain", "foreign", "absent"}; !slices.Equal(got, want) {
		t.Errorf("lacking %v, want %v", got, want)
	}
	if got := missingSecrets([]string{"absent"}, nil); len(got) != 1 {
		t.Errorf("without a configuration %v", got)
	}
}

// Every missing secret is named at once, with the command that asks for it.
func TestMissingSecretsError(t *testing.T) {
	err := missingSecretsError([]string{"one", "two"}, "us-west-1")
	for _, want := range []string{
		"pulumi config set --secret one --stack us-west-1`", "pulumi config set --secret two --stack us-west-1`",
	} {
		if !errors.Is(err, ErrSecrets) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
