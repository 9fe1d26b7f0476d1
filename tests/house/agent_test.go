package house

import (
	"debug/elf"
	"os"
	"path/filepath"
	"testing"
)

// agentLimit is the most bytes of the node agent: what each machine fetches before it can do anything.
const agentLimit = 10_000_000

// The agent's builds are small, of the architecture that their name says, and static: the image of a machine decides about no part of them.
// `make agent` leaves them there, and `make test` runs it first.
func TestAgentsAreSmallAndStatic(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Run(arch, func(t *testing.T) {
			path := filepath.Join("../../bin", "beachhead-node-linux-"+arch)
			about, err := os.Stat(path)
			if os.IsNotExist(err) {
				t.Skip("the agent is not built; `make agent` builds it")
			}
			if err != nil {
				t.Fatal(err)
			}
			if about.Size() > agentLimit {
				t.Errorf("%d bytes; want %d at most: docs/decisions/0014-agent-size.md says what keeps it small", about.Size(), agentLimit)
			}
			checkELF(t, path, machine)
		})
	}
}

func checkELF(t *testing.T, path string, machine elf.Machine) {
	t.Helper()
	build, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = build.Close() }() // it was only read
	if build.Machine != machine {
		t.Errorf("it is for %s, want %s", build.Machine, machine)
	}
	for _, part := range build.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a %s: it needs libraries of the machine's", part.Type)
		}
	}
}
