package regionfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LoadAll loads, completes and validates region files and checks them against each other. The error holds the problems of
// all of them. The configs are those without a problem of their own, in the order of the paths: a broken neighbour must not
// keep a sound region from being worked on.
func LoadAll(paths []string) ([]*Config, error) {
	var sound, all []*Config
	var found problems
	for _, path := range paths {
		c, ps := loadPartly(path)
		if c != nil {
			c.Default()
			ps = append(ps, c.findProblems()...)
			ps = append(ps, c.checkSeedFile()...)
			all = append(all, c)
			if ps.toError() == nil {
				sound = append(sound, c)
			}
		}
		found = append(found, ps...)
	}
	found = append(found, crossCheck(all)...)
	return sound, found.toError()
}

// checkSeedFile reports a seed that no file beside this one describes. Only here are files looked for: Validate and CrossCheck
// judge values.
func (c *Config) checkSeedFile() problems {
	const p = keyPath("cache.seed.region")
	if c.Cache == nil || c.Cache.Seed == nil || !c.source.isIntact(p) {
		return nil
	}
	name := c.Cache.Seed.Region
	if !namePattern.MatchString(name) || name == c.Name {
		return nil // Validate reports both
	}
	dir := filepath.Dir(c.source.file)
	if path := findInDir(dir, name); path != "" {
		return nil
	}
	return problems{c.source.newProblem(c.Name, p, "region file "+quoteValue(name)+" not found in "+dir, suggestRegion(dir, name), false)}
}

// extensions are those of region files, the usual one first.
var extensions = []string{".yaml", ".yml"}

// findInDir gives the path of a region's file in a directory, or "" when there is none.
func findInDir(dir, name string) string {
	for _, ending := range extensions {
		path := filepath.Join(dir, name+ending)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

// FindFile gives the region file that an argument of the command line means: a name stands for dir/regions/NAME.yaml, and what
// ends in .yaml or .yml is a path already. The error lists the regions that there are.
func FindFile(dir, name string) (path string, err error) {
	if slices.Contains(extensions, filepath.Ext(name)) {
		return name, nil // Load says when it is not there
	}
	dir = filepath.Join(dir, "regions")
	if !namePattern.MatchString(name) {
		return "", Problem{File: dir, Wrong: quoteValue(name) + " is not a region name", Want: suggestRegion(dir, name)}
	}
	if path := findInDir(dir, name); path != "" {
		return path, nil
	}
	return "", Problem{File: dir, Wrong: "region " + quoteValue(name) + " not found", Want: suggestRegion(dir, name)}
}

// ListFiles lists the region files of dir/regions, sorted: all that end in .yaml or .yml, since one with a wrong name should be
// reported and not passed over.
func ListFiles(dir string) ([]string, error) {
	dir = filepath.Join(dir, "regions")
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, Problem{File: dir, Wrong: "cannot be read: " + describeFileError(err), Want: "a directory with region files: go to the project's directory, or name it with -C"}
	}
	var paths []string
	for _, f := range found {
		if slices.Contains(extensions, filepath.Ext(f.Name())) && !f.IsDir() {
			paths = append(paths, filepath.Join(dir, f.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, Problem{File: dir, Wrong: "no region file found", Want: "one such as us-west-1.yaml; docs/region-file.md has an example"}
	}
	return paths, nil
}

// suggestRegion says which region could be meant.
func suggestRegion(dir, name string) string {
	there := listNames(dir)
	if meant := suggestName(name, there); meant != "" && meant != name {
		return meant
	}
	if len(there) == 0 {
		return "a region file in that directory, for example us-west-1.yaml"
	}
	return joinOr(there)
}

// listNames lists the regions that a directory has files for, sorted. One that cannot be read has none.
func listNames(dir string) []string {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var there []string
	for _, f := range found {
		ending := filepath.Ext(f.Name())
		if name := strings.TrimSuffix(f.Name(), ending); slices.Contains(extensions, ending) && !f.IsDir() && namePattern.MatchString(name) {
			there = append(there, name)
		}
	}
	slices.Sort(there)
	return slices.Compact(there)
}
