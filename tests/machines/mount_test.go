//go:build machines

package machines

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/node/cacheclient"
)

// BenchmarkMount compares the agent's mounts with such as somebody made by hand of the same export with the same options: reading from the
// server and writing to it, 64 MiB at a time, in turns. In software emulation only the ratios say something; they are of the medians. The
// aim is 0.98.
//
//	go test -tags machines -run '^$' -bench Mount -benchtime 15x ./tests/machines
func BenchmarkMount(b *testing.B) {
	c := newCacheLab(b)
	server := c.LaunchServer(c.shard)
	c.runner = c.LaunchRunner(c.Plan.Fleets[0], c.shard.Zone)
	c.WaitInService(server)
	c.WaitInService(c.runner)
	c.pushFiles()
	file := "/" + strings.TrimPrefix(c.path, "/run/beachhead/shards/00/") + "-bench"
	// With nosharecache the kernel does not take the mounts for the agent's.
	read, write := cacheclient.ReadOptions+",nosharecache", "rw"+strings.TrimPrefix(cacheclient.ReadOptions, "ro")+",nosharecache"
	c.runner.RunCommand("cd /run/beachhead/mounts; mkdir -p read write; source=" + c.shard.Address.String() + ":/; " +
		"mount -t nfs -o " + read + " $source read && mount -t nfs -o " + write + " $source write")
	seconds := func(command string) float64 {
		out := c.runner.RunCommand("cd /run/beachhead/mounts; echo 3 >/proc/sys/vm/drop_caches; LC_ALL=C " + command +
			" 2>&1 | awk -F ', ' '/copied/ {print $3 + 0}'")
		took, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
		c.Must(err)
		return took
	}
	write64 := func(mount string) float64 {
		return seconds("dd if=/dev/zero of=" + mount + file + " bs=1M count=64 conv=fsync")
	}
	read64 := func(mount string) float64 { return seconds("dd if=" + mount + file + " of=/dev/null bs=1M") }
	write64("write") // the server's disk finds room for it
	took := map[string][]float64{}
	turn := func(measure func(string) float64, mounts ...string) {
		for _, mount := range mounts {
			took[mount] = append(took[mount], measure(mount))
		}
	}
	for b.Loop() {
		turn(read64, "00", "read", "read", "00")
		turn(write64, "00-push", "write", "write", "00-push")
	}
	median := func(mount string) float64 {
		slices.Sort(took[mount])
		return took[mount][len(took[mount])/2]
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median("read")/median("00"), "read-ratio")
	b.ReportMetric(median("write")/median("00-push"), "write-ratio")
}
