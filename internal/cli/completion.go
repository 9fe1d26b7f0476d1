package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// Cobra adds the command `completion`; this file holds what it completes.

// completeRegion completes the names of the region files.
func (a *app) completeRegion(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	files, err := a.project().RegionFiles()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, f := range files {
		base := filepath.Base(f)
		names = append(names, strings.TrimSuffix(base, filepath.Ext(base)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeRegionFile completes the paths of YAML files.
func completeRegionFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}
