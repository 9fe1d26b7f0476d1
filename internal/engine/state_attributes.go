package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// removeBrokenAttributes removes files that a killed Pulumi left incomplete. Its file backend writes a state atomically, and beside it, in
// place, a file of attributes. Pulumi cannot read a state with truncated attributes ("failed to load checkpoint: EOF"), but it can read
// one without attributes. Only the file backend has them; for another backend this does nothing.
//
// A running Pulumi that writes at that very moment loses the attributes too, which does no harm.
func removeBrokenAttributes(backend, stack string) error {
	dir, ok := fileBackendDir(backend)
	if !ok {
		return nil
	}
	state := filepath.Join(dir, ".pulumi")
	// The state, compressed or not, and the backend's own description.
	var all []string
	for _, pattern := range []string{filepath.Join("stacks", Project, stack+".json*.attrs"), "*.attrs"} {
		found, err := filepath.Glob(filepath.Join(state, pattern))
		if err != nil {
			return fmt.Errorf("finding the state's attributes: %w", err)
		}
		all = append(all, found...)
	}
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err == nil && !json.Valid(text) {
			err = os.Remove(file)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing broken attributes of the state: %w", err)
		}
	}
	return nil
}
