//go:build machines

package machines

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/agent"
	"github.com/beachhead-build/beachhead/tests/machines/lab"
)

const (
	// soon is for what the agent or the worker does within a few seconds: they look each 5 s. It is that long since other machines use the
	// same processors in software emulation.
	soon = 3 * time.Minute
	// later is for what has a pace of half a minute or a minute: the posture, metrics.
	later = 4 * time.Minute
	// nothing is how long a run must stay where it is for the worker to have left it: it looks for work each 5 s.
	nothing = 15 * time.Second
)

// firstRun is what a job may do and what it may not: it runs an image of Docker Hub in the container engine, which has it from the region's
// mirror, and does not get at the machine's role.
const firstRun = `set -e
if curl --silent --max-time 5 http://169.254.169.254/latest/meta-data/; then echo the metadata answers a job; exit 1; fi
docker run --rm ` + lab.HubImage + ` /beachhead-node version
until [ -e /tmp/first ]; do sleep 1; done`

const secondRun = `until [ -e /tmp/second ]; do sleep 1; done; id -un`

// A runner of JobServ from its launch to its end: it registers under its instance's id, is in service, takes a job and is protected and
// counted while it runs, takes none in the posture draining and takes one again in active; told to go it takes none, waits for the one that
// runs, is removed from the CI server and completes its hook. A spot instance beside it goes on its notice. The registration token is
// nowhere but in the parameter.
func TestRunner(t *testing.T) {
	t.Parallel()
	l := lab.New(t, "testdata/runner.yaml")
	fleet := l.Plan.Fleets[0]
	l.DiskGiB, l.MemoryMiB = fleet.DiskGiB, 768 // the engine's two daemons beside the rest
	server, hub, reached := l.NewJobServ("ci.example.com"), l.NewRegistry("mirror.example.com"), serveBackend(l)
	l.Parameters.SetValue(fleet.Agent.TokenParameter, server.Key)
	posture := func(value string) { l.Parameters.SetValue(fleet.Path+"/posture", value) }
	posture("active")
	m, spot := l.LaunchRunner(fleet, l.Plan.Network.Zones[0].Name), l.LaunchRunner(fleet, l.Plan.Network.Zones[1].Name)
	t.Logf("cloud-init done: %.1f s after the launch", m.WaitBooted().Seconds())
	// All command lines from here on, for the token that must be on none.
	m.RunCommand(`(while sleep 1; do cat /proc/[0-9]*/cmdline; done >/run/lab-commands 2>&1 &)`)

	for _, one := range []*lab.Machine{m, spot} {
		l.WaitInService(one)
	}
	if worker := server.WorkerNamed(m.ID); worker.Tags != "amd64" || worker.Concurrency != 2 || worker.Deleted ||
		server.DownloadCount() != 2 || reached() == 0 {
		t.Errorf("the worker is %+v, fetched %d times; the service was reached %d times", worker, server.DownloadCount(), reached())
	}
	logAgentTime(l, m)
	interruptSpot(l, spot, server)

	first := server.QueueRun(m.ID, firstRun)
	server.WaitStatus(first, "RUNNING", soon)
	l.WaitFor(soon, "protected", func() error { return checkEqual(l.Scaling.IsProtected(m), true) })

	posture("draining")
	waitWorkerStopped(l, server, m, later)
	second := server.QueueRun(m.ID, secondRun)
	expectQueued(l, server, second)
	l.WaitFor(later, "busy", func() error {
		isBusy := func(one lab.Metric) bool {
			return one.Value == 50 && one.Namespace == "Beachhead" && one.Dimensions["Fleet"] == fleet.Path
		}
		if all := l.MetricsNamed("BusyPercent"); !slices.ContainsFunc(all, isBusy) {
			return fmt.Errorf("published %v", all)
		}
		return nil
	})
	m.RunCommand("touch /tmp/first")
	if log := server.WaitStatus(first, "PASSED", soon).Log; !strings.Contains(log, "description version 1, linux/amd64") ||
		hub.PullCount() == 0 {
		t.Errorf("the first run says %s; its image was pulled %d times", log, hub.PullCount())
	}
	l.WaitFor(soon, "not protected", func() error { return checkEqual(l.Scaling.IsProtected(m), false) })
	if run := server.RunNumber(second); run.Status != "QUEUED" {
		t.Errorf("after the drain the second run is %+v", run)
	}

	posture("active")
	server.WaitStatus(second, "RUNNING", later)
	l.WaitFor(soon, "protected again", func() error { return checkEqual(l.Scaling.IsProtected(m), true) })
	l.Scaling.StartTermination(m)
	waitWorkerStopped(l, server, m, soon)
	third := server.QueueRun("amd64", "true")
	expectQueued(l, server, third)
	if state := l.Scaling.StateOf(m); state != lab.TerminatingWait || server.WorkerNamed(m.ID).Deleted {
		t.Errorf("while a run goes on: %s, %+v", state, server.WorkerNamed(m.ID))
	}
	expectNoSecrets(l, m, server)
	m.RunCommand("touch /tmp/second")
	if log := server.WaitStatus(second, "PASSED", soon).Log; !strings.Contains(log, "beachhead-ci") {
		t.Errorf("the second run says %s", log)
	}
	l.WaitFor(soon, "gone", func() error { return checkEqual(l.Scaling.StateOf(m), lab.Terminated) })
	if !server.WorkerNamed(m.ID).Deleted || server.RunNumber(third).Status != "QUEUED" {
		t.Errorf("at the end the worker is %+v, and the run that it left %+v", server.WorkerNamed(m.ID), server.RunNumber(third))
	}
	<-m.Gone
}

// interruptSpot takes an idle machine as EC2 takes a spot instance: a notice of two minutes, for which the machine leaves the CI system at
// once, and only then the word of its group.
func interruptSpot(l *lab.Lab, m *lab.Machine, server *lab.JobServ) {
	l.T.Helper()
	end := time.Now().UTC().Add(2 * time.Minute).Format(time.RFC3339)
	l.EC2.SetNotice(m, "spot/instance-action", fmt.Sprintf(`{"action": "terminate", "time": %q}`, end))
	l.WaitFor(soon, "the spot instance is removed from the CI server",
		func() error { return checkEqual(server.WorkerNamed(m.ID).Deleted, true) })
	if state := l.Scaling.StateOf(m); state != lab.InService {
		l.T.Errorf("before its group knows of the notice it is %s", state)
	}
	l.Scaling.StartTermination(m)
	l.WaitFor(soon, "the spot instance is gone", func() error { return checkEqual(l.Scaling.StateOf(m), lab.Terminated) })
	<-m.Gone
}

func checkEqual[T comparable](have, want T) error {
	if have != want {
		return fmt.Errorf("have %v, want %v", have, want)
	}
	return nil
}

// serveBackend answers as the region's service, and tells how often it was reached.
func serveBackend(l *lab.Lab) func() int {
	l.T.Helper()
	listener, _ := l.ListenAt(l.Plan.Services[0].Host, uint16(l.Plan.Services[0].Ports[0]))
	l.T.Cleanup(func() { _ = listener.Close() })
	made := make(chan struct{}, 1000)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_ = connection.Close()
			made <- struct{}{}
		}
	}()
	return func() int { return len(made) }
}

// waitWorkerStopped waits until the worker of a machine requests no more work. A request that was under way when the loop stopped
// continues, and the worker executes the run that it returns.
func waitWorkerStopped(l *lab.Lab, s *lab.JobServ, m *lab.Machine, limit time.Duration) {
	l.T.Helper()
	l.WaitFor(limit, "the worker looks no more", func() error {
		state, err := m.TryCommand(20*time.Second, "systemctl show --property=ActiveState --value beachhead-jobserv.service")
		if looked := time.Since(s.WorkerNamed(m.ID).Looked); err == nil && looked < nothing {
			err = fmt.Errorf("it looked %s ago", looked)
		}
		return errors.Join(err, checkEqual(state, "inactive"))
	})
}

// expectQueued verifies that a run stays in the queue.
func expectQueued(l *lab.Lab, s *lab.JobServ, number int) {
	l.T.Helper()
	time.Sleep(nothing)
	if run := s.RunNumber(number); run.Status != "QUEUED" {
		l.T.Errorf("run %d was taken: %+v", number, run)
	}
}

// logAgentTime prints what the agent took from its start to ready, which has no installation of packages in it: the image has them all. The
// goal on real hardware is 5 s; software emulation is about ten times slower.
func logAgentTime(l *lab.Lab, m *lab.Machine) {
	l.T.Helper()
	line := regexp.MustCompile(`(?m)^(\w+ +\d+ [\d:.]+) \S+ beachhead-node\[\d+\]: level=INFO msg="([^"]*)"(?: seconds=([\d.]+))?`)
	var started, ready time.Time
	for _, found := range line.FindAllStringSubmatch(m.ReadJournal(), -1) {
		at, err := time.Parse("Jan _2 15:04:05.000000", found[1])
		l.Must(err)
		switch found[2] {
		case agent.StartedMessage:
			started = at
		case agent.ReadyMessage:
			ready = at
		default:
			if ready.IsZero() && found[3] != "" {
				l.T.Logf("  %s: %s s", found[2], found[3])
			}
		}
	}
	if started.IsZero() || ready.IsZero() {
		l.T.Error("the journal does not say when the agent was ready")
	}
	l.T.Logf("the agent's own time from its start to ready: %.1f s", ready.Sub(started).Seconds())
}

// expectNoSecrets looks for the registration token and for the worker's own, which is signed by it: the first is nowhere, the second in the
// worker's settings alone.
func expectNoSecrets(l *lab.Lab, m *lab.Machine, server *lab.JobServ) {
	l.T.Helper()
	key, token := strings.Split(server.Key, "\n")[1], server.WorkerNamed(m.ID).Token
	_, signature, _ := strings.Cut(token[strings.Index(token, ".")+1:], ".")
	if len(key) < 40 || len(signature) < 40 {
		l.T.Fatalf("nothing to look for: %d and %d characters", len(key), len(signature))
	}
	console, err := os.ReadFile(l.LogFile(m.Name + ".console"))
	l.Must(err)
	units := m.RunCommand("systemctl show 'beachhead*'; cat /etc/systemd/system/*.service; ps -eo args; cat /proc/[0-9]*/environ /run/lab-commands 2>/dev/null | tr '\\0' ' '")
	for name, text := range map[string]string{"journal": m.ReadJournal(), "console": string(console), "units and command lines": units} {
		if text == "" {
			l.T.Errorf("the %s is empty", name)
		}
		for what, secret := range map[string]string{"registration token": key, "worker's token": signature} {
			if strings.Contains(text, secret) {
				l.T.Errorf("the %s is in the %s", what, name)
			}
		}
	}
	// In two halves, since the machine's journal tells what the laboratory runs.
	find := func(secret string) string {
		half := len(secret) / 2
		return m.RunCommand(fmt.Sprintf("printf '%%s' '%s' '%s' | grep --recursive --files-with-matches --fixed-strings --file=- --devices=skip "+
			"/etc /var /run /tmp /usr/local /root || true", secret[:half], secret[half:]))
	}
	if found := find(key); found != "" {
		l.T.Errorf("the registration token is in %s", found)
	}
	const settings = "/var/lib/beachhead/ci/jobserv/settings.conf"
	if found := find(signature); found != settings || m.RunCommand("stat --format='%a %U' "+settings) != "600 beachhead-ci" {
		l.T.Errorf("the worker's token is in %s, want %s alone", found, settings)
	}
}
