package regionfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// extensions lists the extensions of region files, the usual one first.
var extensions = []string{".yaml", ".yml"}

// findInDir returns the path of a region's file in a directory, or "" if no such file exists.
func findInDir(dir, name string) string {
	for _, ending := range extensions {
		path := filepath.Join(dir, name+ending)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

// FindFile returns the region file for a command-line argument. A name stands for dir/regions/NAME.yaml. An argument that
// ends in .yaml or .yml is a path already. The error lists the existing regions.
func FindFile(dir, name string) (path string, err error) {
	if slices.Contains(extensions, filepath.Ext(name)) {
		return name, nil // Load reports a missing file
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

// ListFiles returns the paths of all .yaml and .yml files in dir/regions, sorted. It includes files with an invalid name, so
// that LoadAll reports them.
func ListFiles(dir string) ([]string, error) {
	dir = filepath.Join(dir, "regions")
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, Problem{File: dir, Wrong: "cannot be read: " + describeFileError(err),
			Want: "a directory with region files: go to the project's directory, or name it with -C"}
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

// suggestRegion names the region that the user probably meant, or all regions.
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

// listNames returns the names of the regions that have a file in the directory, sorted. It returns nil for an unreadable
// directory.
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
