package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
)

// MinimumPulumi is the oldest Pulumi command line that is used when it is found on the PATH: the version that tools/ pins and that all
// tests run with.
const MinimumPulumi = "3.259.0"

// ErrNoPulumi says that no Pulumi command line that is new enough was found.
var ErrNoPulumi = errors.New("no pulumi " + MinimumPulumi + " or newer on the PATH nor in bin/")

// findPulumi looks on the PATH, then in the bin folder of the project (where make puts the pinned one), then beside this program.
// What is too old is passed over.
func findPulumi(root string) (auto.PulumiCommand, error) {
	minimum := semver.MustParse(MinimumPulumi)
	// The command runs in the stack's own folder, where a relative path would lead elsewhere.
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("the project's folder: %w", err)
	}
	places := []string{"", root}
	if self, err := os.Executable(); err == nil {
		places = append(places, filepath.Dir(filepath.Dir(self)))
	}
	var tried []error
	for _, place := range places {
		command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: place, Version: minimum})
		if err == nil {
			return command, nil
		}
		tried = append(tried, err)
	}
	return nil, fmt.Errorf("%w: run `make tools`, which builds it, or install it from https://www.pulumi.com/docs/install/ (%s)",
		ErrNoPulumi, tried[0])
}
