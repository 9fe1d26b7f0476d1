package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
)

// provideSecrets sees to it that the stack's configuration has every secret that the program reads. In a rehearsal it makes up what is
// missing and keeps it, so that a second run sees the same; anywhere else that is an error, before anything runs.
func (s *Stack) provideSecrets(ctx context.Context) error {
	if len(s.opts.Secrets) == 0 {
		return nil
	}
	var there config.Map
	settings, err := s.stack.Workspace().StackSettings(ctx, s.opts.Name)
	switch {
	case err == nil:
		there = settings.Config
	case !strings.Contains(err.Error(), "unable to find stack settings"): // a stack without a file has no secrets
		return fmt.Errorf("reading the configuration of %s: %w", s.opts.Name, err)
	}
	missing := lacking(s.opts.Secrets, there)
	if len(missing) == 0 {
		return nil
	}
	if !s.opts.Rehearsal {
		return unset(missing, s.opts.Name)
	}
	// Pulumi takes these from its command line, where others on this machine can read them. A real secret must not go that way; these are
	// made up a moment ago, for a cloud that is not there.
	made := auto.ConfigMap{}
	for _, name := range missing {
		made[Project+":"+name] = auto.ConfigValue{Value: rand.Text(), Secret: true}
	}
	if err := s.stack.SetAllConfig(ctx, made); err != nil {
		return fmt.Errorf("making up the secrets of %s: %w", s.opts.Name, classify(err, nil))
	}
	return nil
}

// lacking gives the names that a configuration has no secret for, in their order and each once. A value in plain text is none: whoever
// reads the file has it.
func lacking(names []string, there config.Map) []string {
	var missing []string
	seen := map[string]bool{}
	for _, name := range names {
		value, found := there[config.MustMakeKey(Project, name)]
		if !seen[name] && (!found || !value.Secure()) {
			missing = append(missing, name)
		}
		seen[name] = true
	}
	return missing
}

func unset(names []string, stack string) error {
	var lines []string
	for _, name := range names {
		lines = append(lines, fmt.Sprintf("\n  %s: run `pulumi config set --secret %s --stack %s`, which asks for the value", name, name, stack))
	}
	return fmt.Errorf("%w that %s reads:%s", ErrSecrets, stack, strings.Join(lines, ""))
}
