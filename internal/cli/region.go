package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/beachhead-build/beachhead/regions"
	"github.com/beachhead-build/beachhead/regions/plan"
)

// region is one region file with everything derived from it.
type region struct {
	config *regions.Config
	plan   *plan.Plan
	path   string
}

// load finds, reads and judges a region file, judges what shows only together with the other files in its folder, and plans it. What is
// wrong within another file is a warning here: at night a colleague's half-written file must not keep a region down.
func (a *app) load(name string) (*region, error) {
	path, err := regions.Find(a.dir, name)
	if err != nil {
		return nil, usageError{err}
	}
	mine, err := regions.LoadAll([]string{path})
	if err != nil {
		return nil, usageError{err}
	}
	config := mine[0]
	if err := a.crossCheck(config, path); err != nil {
		return nil, usageError{err}
	}
	for _, w := range config.Warnings() {
		a.note(w.Error())
	}
	p, err := plan.Build(config)
	if err != nil {
		return nil, usageError{err}
	}
	return &region{config: config, plan: p, path: path}, nil
}

// crossCheck holds one region against the valid ones beside it.
func (a *app) crossCheck(config *regions.Config, path string) error {
	all := []*regions.Config{config}
	others, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.yaml"))
	if err != nil {
		return err
	}
	for _, other := range others {
		if same(path, other) {
			continue
		}
		loaded, err := regions.LoadAll([]string{other})
		if err != nil {
			a.note(fmt.Sprintf("%s is not valid and was left out of the cross-check; `beachhead validate %s` says why", other, other))
			continue
		}
		all = append(all, loaded...)
	}
	return mentioning(regions.CrossCheck(all), path, config.Name)
}

// same says whether two paths lead to one file.
func same(a, b string) bool {
	one, errOne := os.Stat(a)
	two, errTwo := os.Stat(b)
	return errOne == nil && errTwo == nil && os.SameFile(one, two)
}

// note writes a remark to the log.
func (a *app) note(text string) { fmt.Fprintln(a.err, colour(a.err, faint, "note:"), text) }

// regionFiles are the files to validate: those named, or all in regions/.
func (a *app) regionFiles(args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	files, err := regions.Files(a.dir)
	if err != nil {
		return nil, usageError{err}
	}
	return files, nil
}
