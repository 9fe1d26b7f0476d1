package stacks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// ErrNoAgent is the error for a node agent that is not built.
var ErrNoAgent = errors.New("the node agent is not built")

// agent is the set of the node agent's builds, one for each architecture.
type agent struct {
	// files are the paths of the builds. sums are their SHA-256 digests in hexadecimal.
	files map[regionfile.Arch]string
	sums  plan.AgentDigests
}

// findAgent reads the builds in a folder. It returns ErrNoAgent if a build is missing.
func findAgent(dir string) (*agent, error) {
	// The engine reads the files too, and its working directory is another one.
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the folder of the node agent: %w", err)
	}
	a := &agent{files: map[regionfile.Arch]string{}, sums: plan.AgentDigests{}}
	for _, arch := range []regionfile.Arch{regionfile.AMD64, regionfile.ARM64} {
		file := filepath.Join(dir, path.Base(plan.AgentKey(arch, "")))
		build, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s not found; run `make agent`", ErrNoAgent, file)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the node agent: %w", err)
		}
		sum := sha256.Sum256(build)
		a.files[arch], a.sums[arch] = file, hex.EncodeToString(sum[:])
	}
	return a, nil
}

// listArchitectures returns the architectures of the builds, sorted.
func (a *agent) listArchitectures() []regionfile.Arch { return slices.Sorted(maps.Keys(a.sums)) }
