package runner

import (
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/node/ci/machinetest"
)

// addDisk adds an instance-store disk to the machine.
func addDisk(m *machinetest.Machine, name, says string) {
	m.WriteFile("/sys/block/"+name+"/device/model", scratchModel+"        \n")
	m.SetDiskContent(name, says)
}

func addTwoDisks(m *machinetest.Machine) {
	m.WriteFile("/sys/block/nvme0n1/device/model", "Amazon Elastic Block Store              \n")
	addDisk(m, "nvme2n1", "")
	addDisk(m, "nvme1n1", "")
}

const own = "DEVNAME=/dev/nvme1n1\nTYPE=ext4\nLABEL=" + scratchLabel + "\n"

func TestScratch(t *testing.T) {
	for name, c := range map[string]struct {
		setup                  func(*machinetest.Machine)
		format, group, mounted string
	}{
		"none": {setup: func(m *machinetest.Machine) {
			m.WriteFile("/sys/block/nvme0n1/device/model", "Amazon Elastic Block Store")
		}},
		"one, blank":   {setup: func(m *machinetest.Machine) { addDisk(m, "nvme1n1", "") }, format: "/dev/nvme1n1", mounted: "/dev/nvme1n1"},
		"one, its own": {setup: func(m *machinetest.Machine) { addDisk(m, "nvme1n1", own) }, mounted: "/dev/nvme1n1"},
		"two": {
			setup: addTwoDisks, format: "/dev/beachhead/scratch", group: "vgcreate beachhead /dev/nvme1n1 /dev/nvme2n1",
			mounted: "/dev/beachhead/scratch",
		},
		"two, of a group that was half-made": {
			setup: func(m *machinetest.Machine) {
				addDisk(m, "nvme1n1", "TYPE=LVM2_member\n")
				addDisk(m, "nvme2n1", "")
			},
			format: "/dev/beachhead/scratch", group: "vgcreate beachhead /dev/nvme1n1 /dev/nvme2n1", mounted: "/dev/beachhead/scratch",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestRunner(t, nil)
			c.setup(b.machine)
			for range 2 {
				if err := b.prepareScratch(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			wantRan(t, b, "mkfs.ext4", c.format)
			if c.group != "" {
				wantRan(t, b, "vgcreate", c.group)
			}
			wantRan(t, b, "mount -o noatime", strings.TrimSpace(c.mounted+" "+b.host.Path(scratchMount)))
			if c.mounted == "" {
				return
			}
			for from, to := range boundFolders {
				if b.machine.CountCommands("mount --bind "+b.host.Path(from)+" "+b.host.Path(to)) != 1 {
					t.Errorf("%s is not at %s: %v", from, to, b.machine.CommandLog())
				}
			}
		})
	}
}

// wantRan checks that a command ran once with these words, or never when the words are empty.
func wantRan(t *testing.T, b *testRunner, begin, words string) {
	t.Helper()
	count := 0
	for _, command := range b.machine.CommandLog() {
		if strings.HasPrefix(command, begin) && strings.Contains(command, words) {
			count++
		}
	}
	if words = strings.TrimSpace(strings.TrimPrefix(words, b.host.Path(scratchMount))); (count == 1) != (words != "") ||
		b.machine.CountCommands(begin) != count {
		t.Errorf("%s with %q ran %d times: %v", begin, words, count, b.machine.CommandLog())
	}
}

// Prepare does not overwrite a disk with content that is not the agent's own.
func TestDisksWithDataAreRefused(t *testing.T) {
	for name, says := range map[string]string{
		"another's ext4": "TYPE=ext4\nLABEL=data\n", "xfs of the same label": "TYPE=xfs\nLABEL=" + scratchLabel + "\n",
		"partitions": "PTTYPE=gpt\n",
		"raid":       "TYPE=linux_raid_member\n", "swap": "TYPE=swap\n",
		"another's group": "TYPE=LVM2_member\n",
	} {
		for _, disks := range [][]string{{"nvme1n1"}, {"nvme1n1", "nvme2n1"}} {
			b := newTestRunner(t, nil)
			for _, n := range disks {
				addDisk(b.machine, n, says)
			}
			b.machine.SetVolumeGroup("data")
			err := b.Prepare(t.Context())
			if err == nil || !strings.Contains(err.Error(), "does not overwrite") {
				t.Errorf("%s on %d disks: %v", name, len(disks), err)
			}
			for _, command := range []string{"mkfs.ext4", "vgcreate", "lvcreate", "mount"} {
				if b.machine.CountCommands(command) > 0 {
					t.Errorf("%s: %s ran", name, command)
				}
			}
		}
	}
}
