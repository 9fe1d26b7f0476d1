package regionfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Region is a region file with those beside it.
type Region struct {
	*Config
	// Neighbours are the sound ones of the other region files in its folder.
	Neighbours []*Config
	// Invalid are the paths of the others: what is wrong within them must not keep this region from being worked on.
	Invalid []string
}

// LoadRegion reads one region file and judges it by itself and against those beside it. The error holds its own problems and those
// between it and a neighbour, never a neighbour's own.
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

// isSameFile says whether two paths lead to one file.
func isSameFile(a, b string) bool {
	one, errOne := os.Stat(a)
	two, errTwo := os.Stat(b)
	return errors.Join(errOne, errTwo) == nil && os.SameFile(one, two)
}
