package regionfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Region is a region file together with the other region files in its directory.
type Region struct {
	*Config
	// Neighbours are the other region files in the directory that are valid.
	Neighbours []*Config
	// Invalid lists the paths of the other region files that have problems. These problems do not block work on this region.
	Invalid []string
}

// LoadRegion reads and validates one region file, and checks it against the other region files in its directory. The error
// contains this file's problems and the problems between this file and a neighbour, never a neighbour's own problems.
func LoadRegion(path string) (*Region, error) {
	mine, err := LoadAll([]string{path})
	if err != nil {
		return nil, err
	}
	r := &Region{Config: mine[0]}
	for _, ending := range extensions {
		others, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"+ending))
		if err != nil {
			return nil, err
		}
		for _, other := range others {
			if isSameFile(path, other) {
				continue
			}
			loaded, err := LoadAll([]string{other})
			if err != nil {
				r.Invalid = append(r.Invalid, other)
			}
			r.Neighbours = append(r.Neighbours, loaded...)
		}
	}
	var between problems
	for _, p := range crossCheck(append(slices.Clone(r.Neighbours), r.Config)) {
		if p.File == path || strings.Contains(p.Error(), path) {
			between = append(between, p)
		}
	}
	return r, between.toError()
}

// isSameFile reports whether two paths name the same file.
func isSameFile(a, b string) bool {
	one, errOne := os.Stat(a)
	two, errTwo := os.Stat(b)
	return errors.Join(errOne, errTwo) == nil && os.SameFile(one, two)
}
