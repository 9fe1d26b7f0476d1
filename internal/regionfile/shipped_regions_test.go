package regionfile

import "testing"

// The region files in regions/ must be valid, alone and together, and have no warnings.
func TestShippedRegions(t *testing.T) {
	paths, err := ListFiles("../..")
	if err != nil {
		t.Fatal(err)
	}
	cfgs, err := LoadAll(paths)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfgs) < 2 {
		t.Errorf("%d regions ship", len(cfgs))
	}
	for _, c := range cfgs {
		for _, w := range c.Warnings() {
			t.Error(w)
		}
		if len(c.Runners) < 4 || c.Cache == nil || !c.hasLink() || len(c.Alerts.Email) == 0 || len(c.Tags) == 0 {
			t.Errorf("%s is not a complete region", c.Name)
		}
	}
}
