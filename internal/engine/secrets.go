package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
)

// provideSecrets checks that the stack's configuration has every secret that the program reads. In a rehearsal it generates missing ones
// and stores them, so that a second run reads the same; anywhere else a missing one is an error, before anything runs.
func (s *Stack) provideSecrets(ctx context.Context) error {
	if len(s.opts.Secrets) == 0 {
		return nil
	}
	existing, err := s.stack.Settings(ctx)
	if err != nil {
		return fmt.Errorf("reading the configuration of %s: %w", s.opts.Name, err)
	}
	missing := missingSecrets(s.opts.Secrets, existing)
	if len(missing) == 0 {
		return nil
	}
	if !s.opts.Rehearsal {
		return missingSecretsError(missing, s.opts.Name)
	}
	// Pulumi receives these on its command line, where other users of this machine can read them. A real secret must not go that way; these
	// are random, for an emulated cloud.
	generated := auto.ConfigMap{}
	for _, name := range missing {
		generated[Project+":"+name] = auto.ConfigValue{Value: rand.Text(), Secret: true}
	}
	if err := s.stack.SetAllConfig(ctx, generated); err != nil {
		return fmt.Errorf("storing generated secrets of %s: %w", s.opts.Name, classifyError(s.opts.Name, err, nil))
	}
	return nil
}

// missingSecrets returns the names for which a configuration has no secret, in their order and each once. A value in plain text does not
// count as one: everybody who reads the file has it.
func missingSecrets(names []string, existing config.Map) []string {
	var missing []string
	seen := map[string]bool{}
	for _, name := range names {
		value, found := existing[config.MustMakeKey(Project, name)]
		if !seen[name] && (!found || !value.Secure()) {
			missing = append(missing, name)
		}
		seen[name] = true
	}
	return missing
}

func missingSecretsError(names []string, stack string) error {
	var lines []string
	for _, name := range names {
		lines = append(lines,
			fmt.Sprintf("\n  %s: run `pulumi config set --secret %s --stack %s`, which prompts for the value", name, name, stack))
	}
	return fmt.Errorf("%w that %s reads:%s", ErrSecrets, stack, strings.Join(lines, ""))
}
