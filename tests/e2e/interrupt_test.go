package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Interrupted while something is under way: it ends and is written down, the exit code says so, and the next up goes on from there with
// nothing to take up.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 1, egress: "nat-gateway"})
	process := exec.Command(binary(t), "-C", w.dir, "up", name, "--emulated", "--pace", "20")
	log, err := process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	lines := bufio.NewScanner(log)
	for interrupted := false; lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if !interrupted && strings.Contains(lines.Text(), "created net-vpc") {
			interrupted = true
			if err := process.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = process.Wait() // the exit code says it all
	if code := process.ProcessState.ExitCode(); code != 130 || !strings.Contains(said.String(), "run the same command again") {
		t.Errorf("exit code %d, want 130 and the next step:\n%s", code, said.String())
	}
	w.checkAgree("after the interrupt")
	if c := w.must("up"); len(c.Steps) == 0 || len(c.Adopted) > 0 {
		t.Errorf("the next up made %d and took up %d things; want some and none", len(c.Steps), len(c.Adopted))
	}
	w.checkAgree("after the next up")
}
