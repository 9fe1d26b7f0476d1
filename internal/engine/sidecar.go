package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// mendSidecars takes away what a killed Pulumi wrote half of. Its file backend writes a state whole or not at all, and beside it, in place, a
// file of attributes that nobody needs: a state whose attributes are cut off cannot be read ("failed to load checkpoint: EOF"), and one
// without any can. Only the file backend has them; for others it does nothing.
//
// A Pulumi that lives and is at that very moment writing loses the attributes too, which does no harm.
func mendSidecars(backend, stack string) error {
	address, err := url.Parse(backend)
	if err != nil || address.Scheme != "file" {
		return nil
	}
	state := filepath.Join(address.Path, ".pulumi")
	// The state, compressed or not, and what Pulumi reads of the backend itself.
	var all []string
	for _, pattern := range []string{filepath.Join("stacks", Project, stack+".json*.attrs"), "*.attrs"} {
		found, err := filepath.Glob(filepath.Join(state, pattern))
		if err != nil {
			return fmt.Errorf("looking at the state: %w", err)
		}
		all = append(all, found...)
	}
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err == nil && !json.Valid(text) {
			err = os.Remove(file)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("mending the state: %w", err)
		}
	}
	return nil
}
