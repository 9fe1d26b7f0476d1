// Package machinetest stands in for a machine in tests: a folder for its files, and commands on the PATH that keep a
// small state. The state shows steps that the agent does twice or only half.
package machinetest

import (
	"context"
	_ "embed"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

//go:embed command.sh
var commandScript string

// commandNames are the commands that the machine replaces; all others are those of the machine that runs the test.
var commandNames = []string{
	"apt-get", "blkid", "chown", "dpkg-query", "gitlab-runner", "id", "lvcreate", "lvs", "mkfs.ext4", "mount", "nft", "pvs", "sysctl",
	"systemctl",
	"systemd-run", "useradd", "usermod", "vgcreate", "vgs",
}

// Machine is a machine for one test.
type Machine struct {
	Host       host.Host
	t          testing.TB
	state, bin string
}

// New returns a machine on which nothing is installed. It sets PATH, MACHINE and ROOT for the test.
func New(t testing.TB) *Machine {
	t.Helper()
	root := t.TempDir()
	m := &Machine{Host: host.Host{Root: root}, t: t, state: t.TempDir(), bin: t.TempDir()}
	m.failOnError(os.WriteFile(filepath.Join(m.bin, ".command"), []byte(commandScript), 0o755))
	for _, name := range commandNames {
		m.failOnError(os.Symlink(".command", filepath.Join(m.bin, name)))
	}
	m.WriteFile("/proc/self/mounts", "")
	m.failOnError(os.WriteFile(m.statePath("count"), []byte("0\n"), 0o600))
	environment, ok := t.(interface{ Setenv(key, value string) })
	if !ok {
		t.Fatal("this test cannot set the PATH")
	}
	environment.Setenv("PATH", m.bin+":"+os.Getenv("PATH"))
	environment.Setenv("MACHINE", m.state)
	environment.Setenv("ROOT", root)
	return m
}

// statePath returns the path of a file of the commands' state.
func (m *Machine) statePath(name string) string { return filepath.Join(m.state, name) }

// failOnError fails the test if err is not nil.
func (m *Machine) failOnError(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// WriteFile writes a file of the machine that root and its user may execute.
func (m *Machine) WriteFile(file, text string) {
	m.t.Helper()
	m.failOnError(os.MkdirAll(filepath.Dir(m.Host.Path(file)), 0o755))
	m.failOnError(os.WriteFile(m.Host.Path(file), []byte(text), 0o755))
}

// ReadFile returns the content of a file of the machine, or "" when it does not exist.
func (m *Machine) ReadFile(file string) string {
	text, err := os.ReadFile(m.Host.Path(file))
	if err != nil {
		return ""
	}
	return string(text)
}

// FileMode returns the permissions of a file.
func (m *Machine) FileMode(file string) fs.FileMode {
	m.t.Helper()
	info, err := os.Stat(m.Host.Path(file))
	m.failOnError(err)
	return info.Mode().Perm()
}

// CommandLog returns the commands that ran, with their arguments.
func (m *Machine) CommandLog() []string {
	text, err := os.ReadFile(m.statePath("log"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x1e"), "\x1e")
}

// CountCommands returns the number of commands that ran and start with the given text.
func (m *Machine) CountCommands(begin string) int {
	count := 0
	for _, command := range m.CommandLog() {
		if strings.HasPrefix(command, begin) {
			count++
		}
	}
	return count
}

// IsUnitActive reports whether a unit runs.
func (m *Machine) IsUnitActive(unit string) bool {
	text, err := os.ReadFile(m.statePath("unit-" + unit))
	return err == nil && strings.TrimSpace(string(text)) == "active"
}

// EndUnit makes a unit end by itself.
func (m *Machine) EndUnit(unit string) { m.failOnError(os.Remove(m.statePath("unit-" + unit))) }

// HoldUnit keeps a unit running after a stop, until the test calls the returned function.
func (m *Machine) HoldUnit(unit string) (release func()) {
	m.failOnError(os.WriteFile(m.statePath("hold-"+unit), nil, 0o600))
	return func() { m.failOnError(os.Remove(m.statePath("hold-" + unit))) }
}

// SetDiskContent sets the content of a disk as blkid reports it; "" is an empty disk.
func (m *Machine) SetDiskContent(name, says string) {
	m.failOnError(os.WriteFile(m.statePath("disk-"+filepath.Base(name)), []byte(says), 0o600))
}

// SetVolumeGroup makes disks with LVM's signature members of a volume group.
func (m *Machine) SetVolumeGroup(name string) {
	m.failOnError(os.WriteFile(m.statePath("group"), []byte("  "+name+"\n"), 0o600))
}

// Reboot ends all units and removes what does not survive a reboot.
func (m *Machine) Reboot() {
	m.failOnError(os.RemoveAll(m.Host.Path("/run")))
	m.WriteFile("/proc/self/mounts", "")
	units, err := filepath.Glob(m.statePath("unit-*"))
	m.failOnError(err)
	for _, unit := range units {
		m.failOnError(os.Remove(unit))
	}
}

// KillAtCommand returns a context that ends while the n-th command from now runs: before the command has an effect or,
// when after is true, once it has had its effect.
func (m *Machine) KillAtCommand(n int, after bool) context.Context {
	count, err := os.ReadFile(m.statePath("count"))
	m.failOnError(err)
	done, err := strconv.Atoi(strings.TrimSpace(string(count)))
	m.failOnError(err)
	when := map[bool]string{false: "kill-before", true: "kill-after"}[after]
	m.failOnError(os.WriteFile(m.statePath(when), []byte(strconv.Itoa(done+n)+"\n"), 0o600))
	ctx, cancel := context.WithCancel(m.t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if os.Remove(m.statePath("killed")) == nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return ctx
}

// CancelKill cancels KillAtCommand and reports whether the kill happened.
func (m *Machine) CancelKill(ctx context.Context) bool {
	for _, when := range []string{"kill-before", "kill-after"} {
		_ = os.Remove(m.statePath(when)) // one of them does not exist
	}
	return ctx.Err() != nil
}

// SnapshotState returns the files of the machine and the state of its commands, except the given files and the history.
func (m *Machine) SnapshotState(but ...string) map[string]string {
	m.t.Helper()
	skip := map[string]bool{}
	for _, file := range but {
		skip[m.Host.Path(file)] = true
	}
	for _, name := range []string{"count", "log", "killed"} {
		skip[m.statePath(name)] = true
	}
	state := map[string]string{}
	for _, top := range []string{m.Host.Root, m.state} {
		m.failOnError(filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || skip[path] {
				return err
			}
			text, err := os.ReadFile(path)
			// Each test has its own folders, so their paths are removed.
			state[strings.TrimPrefix(path, top)] = strings.NewReplacer(m.Host.Root, "", m.bin, "/usr/bin").Replace(string(text))
			return err
		}))
	}
	return state
}

// FindText returns the files and commands that contain a text, except the given files.
func (m *Machine) FindText(text string, but ...string) []string {
	m.t.Helper()
	var found []string
	allowed := map[string]bool{}
	for _, file := range but {
		allowed[m.Host.Path(file)] = true
	}
	for _, top := range []string{m.Host.Root, m.state} {
		m.failOnError(filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || allowed[path] {
				return err
			}
			content, err := os.ReadFile(path)
			if strings.Contains(string(content), text) {
				found = append(found, path)
			}
			return err
		}))
	}
	return found
}
