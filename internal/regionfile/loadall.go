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
		c, ps := load(path)
		if c != nil {
			c.Default()
			ps = append(ps, c.check()...)
			ps = append(ps, c.seedFile()...)
			all = append(all, c)
			if ps.err() == nil {
				sound = append(sound, c)
			}
		}
		found = append(found, ps...)
	}
	found = append(found, crossCheck(all)...)
	return sound, found.err()
}

// seedFile reports a seed that no file beside this one describes. Only here are files looked for: Validate and CrossCheck
// judge values.
func (c *Config) seedFile() problems {
	const p = place("cache.seed.region")
	if c.Cache == nil || c.Cache.Seed == nil || !c.source.sound(p) {
		return nil
	}
	name := c.Cache.Seed.Region
	if !fileName.MatchString(name) || name == c.Name {
		return nil // Validate reports both
	}
	dir := filepath.Dir(c.source.file)
	if path := inDir(dir, name); path != "" {
		return nil
	}
	return problems{c.source.problem(c.Name, p, "there is no region file "+quote(name)+" in "+dir, oneOfFiles(dir, name), false)}
}

// endings are those of region files, the usual one first.
var endings = []string{".yaml", ".yml"}

// inDir gives the path of a region's file in a directory, or "" when there is none.
func inDir(dir, name string) string {
	for _, ending := range endings {
		path := filepath.Join(dir, name+ending)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

// Find gives the region file that an argument of the command line means: a name stands for dir/regions/NAME.yaml, and what
// ends in .yaml or .yml is a path already. The error lists the regions that there are.
func Find(dir, name string) (path string, err error) {
	if slices.Contains(endings, filepath.Ext(name)) {
		return name, nil // Load says when it is not there
	}
	dir = filepath.Join(dir, "regions")
	if !fileName.MatchString(name) {
		return "", Problem{File: dir, Wrong: quote(name) + " is no region's name", Want: oneOfFiles(dir, name)}
	}
	if path := inDir(dir, name); path != "" {
		return path, nil
	}
	return "", Problem{File: dir, Wrong: "there is no region " + quote(name), Want: oneOfFiles(dir, name)}
}

// Files lists the region files of dir/regions, sorted: all that end in .yaml or .yml, since one with a wrong name should be
// reported and not passed over.
func Files(dir string) ([]string, error) {
	dir = filepath.Join(dir, "regions")
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, Problem{File: dir, Wrong: "cannot be read: " + cause(err), Want: "a directory with region files; work from the project's directory"}
	}
	var paths []string
	for _, f := range found {
		if slices.Contains(endings, filepath.Ext(f.Name())) && !f.IsDir() {
			paths = append(paths, filepath.Join(dir, f.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, Problem{File: dir, Wrong: "there is no region file", Want: "one such as us-west-1.yaml; docs/region-file.md has an example"}
	}
	return paths, nil
}

// oneOfFiles says which region could be meant.
func oneOfFiles(dir, name string) string {
	there := namesIn(dir)
	if meant := nearest(name, there); meant != "" && meant != name {
		return meant
	}
	if len(there) == 0 {
		return "a region file in that directory, for example us-west-1.yaml"
	}
	return either(there)
}

// namesIn lists the regions that a directory has files for, sorted. One that cannot be read has none.
func namesIn(dir string) []string {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var there []string
	for _, f := range found {
		ending := filepath.Ext(f.Name())
		if name := strings.TrimSuffix(f.Name(), ending); slices.Contains(endings, ending) && !f.IsDir() && fileName.MatchString(name) {
			there = append(there, name)
		}
	}
	slices.Sort(there)
	return slices.Compact(there)
}
