package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// shippedWorld is a world with the region files that the project ships.
func shippedWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t, file{zones: 1, egress: "public"})
	if err := os.Remove(filepath.Join(w.dir, "regions", name+".yaml")); err != nil {
		t.Fatal(err)
	}
	for _, region := range []string{"us-east-2", "us-west-1"} {
		content, err := os.ReadFile(filepath.Join("..", "..", "regions", region+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		w.region(region, text(content))
	}
	return w
}

// measure runs the program as a process and reports the memory of the largest process that it consists of, Pulumi's among them.
func measure(b *testing.B, program string, w *world, args ...string) {
	b.Helper()
	process := exec.Command(program, append([]string{"-C", w.dir}, args...)...)
	if out, err := process.CombinedOutput(); err != nil {
		b.Errorf("%v: %v\n%s", args, err, out)
		return
	}
	if usage, ok := process.ProcessState.SysUsage().(*syscall.Rusage); ok {
		b.ReportMetric(float64(usage.Maxrss)/1024, "MiB-peak")
	}
}

// A warm preview: the region is up and nothing changes, which is what a pull request usually is.
func BenchmarkPreview(b *testing.B) {
	program, w := binary(b), shippedWorld(b)
	measure(b, program, w, "up", "us-west-1", "--emulated")
	for b.Loop() {
		measure(b, program, w, "preview", "us-west-1", "--emulated")
	}
}

// An up of a region that is not there, pace 0. Taking it down again is not counted.
func BenchmarkUp(b *testing.B) {
	program, w := binary(b), shippedWorld(b)
	for b.Loop() {
		measure(b, program, w, "up", "us-west-1", "--emulated")
		b.StopTimer()
		measure(b, program, w, "down", "us-west-1", "--emulated")
		b.StartTimer()
	}
}

// An up of a region that is as it should be.
func BenchmarkUpAgain(b *testing.B) {
	program, w := binary(b), shippedWorld(b)
	measure(b, program, w, "up", "us-west-1", "--emulated")
	for b.Loop() {
		measure(b, program, w, "up", "us-west-1", "--emulated")
	}
}

// Several regions at once, each a process with an emulated cloud of its own, as at night when more than one region must come up.
func BenchmarkRegionsAtOnce(b *testing.B) {
	program := binary(b)
	for _, count := range []int{1, 5, 20} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				worlds := make([]*world, count)
				for i := range worlds {
					worlds[i] = shippedWorld(b)
				}
				b.StartTimer()
				var all sync.WaitGroup
				for _, w := range worlds {
					all.Go(func() { measure(b, program, w, "up", "us-west-1", "--emulated") })
				}
				all.Wait()
			}
		})
	}
}
