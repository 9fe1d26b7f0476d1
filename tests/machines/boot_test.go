//go:build machines

package machines

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/tests/machines/lab"
)

// A machine with a runner's user data fetches the agent with its own role's signature, starts it, and the agent asks the metadata who it
// is. A reboot by power switch and a second run of user data end in the same place without a second fetch.
func TestBoot(t *testing.T) {
	t.Parallel()
	l := lab.New(t, "testdata/lab.yaml")
	m := l.LaunchRunner(l.Plan.Fleets[0], l.Plan.Network.Zones[0].Name)
	t.Logf("cloud-init done: %.1f s after the launch", m.WaitBooted().Seconds())
	settled := func(fetches int) {
		t.Helper()
		l.WaitFor(lab.BootLimit, "agent started", func() error {
			_, err := m.TryCommand(20*time.Second, "test -x /usr/local/bin/beachhead-node && systemctl is-active beachhead-node.service")
			return err
		})
		if got := len(l.RequestsOf(m, "s3")); got != fetches {
			t.Errorf("the agent was fetched %d times, want %d", got, fetches)
		}
		if sum := strings.Fields(m.RunCommand("sha256sum /usr/local/bin/beachhead-node"))[0]; sum != l.Agent["x86_64"] {
			t.Errorf("installed %s, want %s", sum, l.Agent["x86_64"])
		}
	}
	settled(1)
	started := l.RequestsOf(m, "s3")[0].At // cloud-init asks too, before
	l.WaitFor(lab.BootLimit, "agent asks who it is", func() error {
		for _, r := range l.RequestsOf(m, "metadata") {
			if r.Text == "dynamic/instance-identity/document" && r.At.After(started) {
				return nil
			}
		}
		return errors.New("it has not")
	})
	// cloud-init knew the machine for one of EC2, and its own check finds nothing wrong with what it was told.
	if out := m.RunCommand("cloud-id; cloud-init query ds.meta_data.instance_id; cloud-init schema --system"); !strings.HasPrefix(out,
		"aws\n"+m.ID+"\nValid") {
		t.Errorf("cloud-init says %s", out)
	}
	before := m.RunCommand("cat /proc/sys/kernel/random/boot_id")
	m.PowerCycle()
	l.WaitFor(lab.BootLimit, "rebooted", func() error {
		after, err := m.TryCommand(10*time.Second, "cat /proc/sys/kernel/random/boot_id")
		if err == nil && after == before {
			err = fmt.Errorf("still boot %s", after)
		}
		return err
	})
	settled(1)
	m.RunCommand("sh /var/lib/cloud/instance/scripts/runcmd")
	settled(1)
	t.Log(m.RunCommand("free -m; systemd-analyze; systemd-analyze blame | head -15; chronyc -n sources | tail -1; resolvectl dns"))
}
