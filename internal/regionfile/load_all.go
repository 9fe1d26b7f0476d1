package regionfile

import "path/filepath"

// LoadAll loads region files, fills in their defaults, validates them and checks them against each other. The error contains
// the problems of all files. LoadAll returns the configs that have no problem of their own, in the order of paths: a broken
// neighbour does not block work on a valid region.
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

// checkSeedFile reports a seed without a region file beside this file. This function alone looks for files: Validate and
// CrossCheck check values only.
func (c *Config) checkSeedFile() problems {
	const p = keyPath("cache.seed.region")
	if c.Cache == nil || c.Cache.Seed == nil || !c.source.isIntact(p) {
		return nil
	}
	name := c.Cache.Seed.Region
	if !namePattern.MatchString(name) || name == c.Name {
		return nil // Validate reports both cases
	}
	dir := filepath.Dir(c.source.file)
	if path := findInDir(dir, name); path != "" {
		return nil
	}
	return problems{c.source.newProblem(c.Name, p, "region file "+quoteValue(name)+" not found in "+dir, suggestRegion(dir, name), false)}
}
