package regionfile

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// writeHundredFiles writes 100 complete region files that do not conflict, and returns their paths.
func writeHundredFiles(tb testing.TB) []string {
	tb.Helper()
	dir := tb.TempDir()
	paths := make([]string, 100)
	for i := range paths {
		paths[i] = writeFile(tb, dir, fmt.Sprintf("region-%02d.yaml", i), strings.NewReplacer(
			"10.42.0.0/16", fmt.Sprintf("10.%d.0.0/16", i),
			"seed: {region: us-east-2}", fmt.Sprintf("seed: {region: region-%02d}", (i+1)%100),
			"64620", strconv.Itoa(4200000000+i),
			"  link: ha-vpn", fmt.Sprintf("  link: ha-vpn\n  tunnelRange: 169.254.%d.0/28", 16+i),
		).Replace(validFile))
	}
	return paths
}

func TestHundredFilesAreValid(t *testing.T) {
	if cfgs, err := LoadAll(writeHundredFiles(t)); err != nil || len(cfgs) != 100 {
		t.Errorf("%d configs: %v", len(cfgs), err)
	}
}

// BenchmarkLoad100 loads, completes, validates and cross-checks 100 region files. Aim: 200 ms in all.
func BenchmarkLoad100(b *testing.B) {
	paths := writeHundredFiles(b)
	for b.Loop() {
		if _, err := LoadAll(paths); err != nil {
			b.Fatal(err)
		}
	}
}
