package regionfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeRegionFiles writes region files into a directory and returns the path of the first.
func writeRegionFiles(t *testing.T, files ...[2]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f[0]), []byte(f[1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, files[0][0])
}

func smallRegion(region, cidr string) string {
	return "aws: {account: \"210987654321\", region: " + region + ", zones: [" + region + "a]}\nnetwork: {cidr: " + cidr + "}\n"
}

func TestLoadRegion(t *testing.T) {
	mine := [2]string{"us-west-1.yaml", smallRegion("us-west-1", "10.42.0.0/16")}
	sound := [2]string{"us-west-2.yaml", smallRegion("us-west-2", "10.43.0.0/16")}
	t.Run("with a sound neighbour and one that is not", func(t *testing.T) {
		r, err := LoadRegion(writeRegionFiles(t, mine, sound, [2]string{"us-east-2.yml", "posture: 7\n"}))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Neighbours) != 1 || r.Neighbours[0].Name != "us-west-2" || len(r.Invalid) != 1 || !strings.HasSuffix(r.Invalid[0],
			"us-east-2.yml") {
			t.Errorf("neighbours %v, unsound %v", r.Neighbours, r.Invalid)
		}
	})
	t.Run("whose network overlaps a neighbour's", func(t *testing.T) {
		_, err := LoadRegion(writeRegionFiles(t, mine, [2]string{"us-west-2.yaml", smallRegion("us-west-2", "10.42.0.0/17")}))
		if len(Problems(err)) != 1 || !strings.Contains(err.Error(), "us-west-1.yaml") {
			t.Errorf("%v, want the overlap, which names this region", err)
		}
	})
	t.Run("beside two neighbours that overlap each other", func(t *testing.T) {
		if _, err := LoadRegion(writeRegionFiles(t, mine, sound,
			[2]string{"eu-west-1.yaml", smallRegion("eu-west-1", "10.43.0.0/16")})); err != nil {
			t.Errorf("other regions' quarrels: %v", err)
		}
	})
	t.Run("that is wrong itself", func(t *testing.T) {
		if _, err := LoadRegion(writeRegionFiles(t, [2]string{"us-west-1.yaml", "posture: 7\n"}, sound)); len(Problems(err)) < 2 {
			t.Errorf("%v, want all of its problems", err)
		}
	})
}
