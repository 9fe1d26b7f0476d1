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
)

const (
	// soon is for what the agent or the worker does within a few seconds: they look each 5 s. It is that long since other machines use the same
	// processors in software emulation.
	soon = 3 * time.Minute
	// later is for what has a pace of half a minute or a minute: the posture, metrics.
	later = 4 * time.Minute
	// nothing is how long a run must stay where it is for the worker to have left it: it looks for work each 5 s.
	nothing = 15 * time.Second
)

// firstRun is what a job may do and what it may not: it runs an image of Docker Hub in the container engine, which has it from the region's mirror,
// and does not get at the machine's role.
const firstRun = `set -e
if curl --silent --max-time 5 http://169.254.169.254/latest/meta-data/; then echo the metadata answers a job; exit 1; fi
docker run --rm ` + hubImage + ` /beachhead-node version
until [ -e /tmp/first ]; do sleep 1; done`

const secondRun = `until [ -e /tmp/second ]; do sleep 1; done; id -un`

// A runner of JobServ from its launch to its end: it registers under its instance's id, is in service, takes a job and is protected and counted
// while it runs, takes none in the posture draining and takes one again in active; told to go it takes none, waits for the one that runs, is
// removed from the CI server and completes its hook. A spot instance beside it goes on its notice. The registration token is nowhere but in the
// parameter.
func TestRunner(t *testing.T) {
	t.Parallel()
	l := New(t, "runner.yaml")
	fleet := l.Plan.Fleets[0]
	l.disk, l.memory = fleet.DiskGiB, 768 // the engine's two daemons beside the rest
	server, hub, reached := l.NewJobServ("ci.example.com"), l.NewRegistry("mirror.example.com"), l.backend()
	l.Parameters.Set(fleet.Agent.TokenParameter, server.Key)
	posture := func(value string) { l.Parameters.Set(fleet.Path+"/posture", value) }
	posture("active")
	m, spot := l.Runner(fleet, l.Plan.Network.Zones[0].Name), l.Runner(fleet, l.Plan.Network.Zones[1].Name)
	t.Logf("cloud-init done: %.1f s after the launch", m.Booted().Seconds())
	// All command lines from here on, for the token that must be on none.
	m.Run(`(while sleep 1; do cat /proc/[0-9]*/cmdline; done >/run/lab-commands 2>&1 &)`)

	for _, one := range []*Machine{m, spot} {
		l.inService(one)
	}
	if worker := server.Worker(m.ID); worker.Tags != "amd64" || worker.Concurrency != 2 || worker.Deleted || server.Fetched() != 2 || reached() == 0 {
		t.Errorf("the worker is %+v, fetched %d times; the service was reached %d times", worker, server.Fetched(), reached())
	}
	l.ownTime(m)
	l.interrupt(spot, server)

	first := server.Queue(m.ID, firstRun)
	server.Is(first, "RUNNING", soon)
	l.Within(soon, "protected", func() error { return wants(l.Scaling.Protected(m), true) })

	posture("draining")
	server.stopped(m, later)
	second := server.Queue(m.ID, secondRun)
	server.leaves(second)
	l.Within(later, "busy", func() error {
		isBusy := func(one Metric) bool {
			return one.Value == 50 && one.Namespace == "Beachhead" && one.Dimensions["Fleet"] == fleet.Path
		}
		if all := l.Metrics("BusyPercent"); !slices.ContainsFunc(all, isBusy) {
			return fmt.Errorf("published %v", all)
		}
		return nil
	})
	m.Run("touch /tmp/first")
	if log := server.Is(first, "PASSED", soon).Log; !strings.Contains(log, "description version 1, linux/amd64") || hub.Pulls() == 0 {
		t.Errorf("the first run says %s; its image was pulled %d times", log, hub.Pulls())
	}
	l.Within(soon, "not protected", func() error { return wants(l.Scaling.Protected(m), false) })
	if run := server.Run(second); run.Status != "QUEUED" {
		t.Errorf("after the drain the second run is %+v", run)
	}

	posture("active")
	server.Is(second, "RUNNING", later)
	l.Within(soon, "protected again", func() error { return wants(l.Scaling.Protected(m), true) })
	l.Scaling.Terminate(m)
	server.stopped(m, soon)
	third := server.Queue("amd64", "true")
	server.leaves(third)
	if state := l.Scaling.State(m); state != TerminatingWait || server.Worker(m.ID).Deleted {
		t.Errorf("while a run goes on: %s, %+v", state, server.Worker(m.ID))
	}
	l.tellsNobody(m, server)
	m.Run("touch /tmp/second")
	if log := server.Is(second, "PASSED", soon).Log; !strings.Contains(log, "beachhead-ci") {
		t.Errorf("the second run says %s", log)
	}
	l.Within(soon, "gone", func() error { return wants(l.Scaling.State(m), Terminated) })
	if !server.Worker(m.ID).Deleted || server.Run(third).Status != "QUEUED" {
		t.Errorf("at the end the worker is %+v, and the run that it left %+v", server.Worker(m.ID), server.Run(third))
	}
	<-m.gone
}

// interrupt takes an idle machine as EC2 takes a spot instance: a notice of two minutes, for which the machine leaves the CI system at once, and
// only then the word of its group.
func (l *Lab) interrupt(m *Machine, server *JobServ) {
	l.t.Helper()
	end := time.Now().UTC().Add(2 * time.Minute).Format(time.RFC3339)
	l.EC2.Notice(m, "spot/instance-action", fmt.Sprintf(`{"action": "terminate", "time": %q}`, end))
	l.Within(soon, "the spot instance is removed from the CI server", func() error { return wants(server.Worker(m.ID).Deleted, true) })
	if state := l.Scaling.State(m); state != InService {
		l.t.Errorf("before its group knows of the notice it is %s", state)
	}
	l.Scaling.Terminate(m)
	l.Within(soon, "the spot instance is gone", func() error { return wants(l.Scaling.State(m), Terminated) })
	<-m.gone
}

func wants[T comparable](have, want T) error {
	if have != want {
		return fmt.Errorf("have %v, want %v", have, want)
	}
	return nil
}

// backend answers as the region's service, and tells how often it was reached.
func (l *Lab) backend() func() int {
	l.t.Helper()
	listener, _ := l.Listen(l.Plan.Services[0].Host, uint16(l.Plan.Services[0].Ports[0]))
	l.t.Cleanup(func() { _ = listener.Close() })
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

// stopped waits until the worker of a machine looks for no more work. A look that was under way when its loop was stopped goes on, and what it
// brings is run.
func (s *JobServ) stopped(m *Machine, limit time.Duration) {
	s.lab.t.Helper()
	s.lab.Within(limit, "the worker looks no more", func() error {
		state, err := m.Try(20*time.Second, "systemctl show --property=ActiveState --value beachhead-jobserv.service")
		if looked := time.Since(s.Worker(m.ID).Looked); err == nil && looked < nothing {
			err = fmt.Errorf("it looked %s ago", looked)
		}
		return errors.Join(err, wants(state, "inactive"))
	})
}

// leaves makes sure that a run stays in the queue.
func (s *JobServ) leaves(number int) {
	s.lab.t.Helper()
	time.Sleep(nothing)
	if run := s.Run(number); run.Status != "QUEUED" {
		s.lab.t.Errorf("run %d was taken: %+v", number, run)
	}
}

// ownTime prints what the agent took from its start to ready, which has no installation of packages in it: the image has them all. The goal on
// real hardware is 5 s; software emulation is about ten times slower.
func (l *Lab) ownTime(m *Machine) {
	l.t.Helper()
	line := regexp.MustCompile(`(?m)^(\w+ +\d+ [\d:.]+) \S+ beachhead-node\[\d+\]: level=INFO msg="([^"]*)"(?: seconds=([\d.]+))?`)
	var started, ready time.Time
	for _, found := range line.FindAllStringSubmatch(m.Journal(), -1) {
		at, err := time.Parse("Jan _2 15:04:05.000000", found[1])
		l.must(err)
		switch found[2] {
		case "the agent starts":
			started = at
		case "the machine is ready":
			ready = at
		default:
			if ready.IsZero() && found[3] != "" {
				l.t.Logf("  %s: %s s", found[2], found[3])
			}
		}
	}
	if started.IsZero() || ready.IsZero() {
		l.t.Error("the journal does not say when the agent was ready")
	}
	l.t.Logf("the agent's own time from its start to ready: %.1f s", ready.Sub(started).Seconds())
}

// tellsNobody looks for the registration token and for the worker's own, which is signed by it: the first is nowhere, the second in the worker's
// settings alone.
func (l *Lab) tellsNobody(m *Machine, server *JobServ) {
	l.t.Helper()
	key, token := strings.Split(server.Key, "\n")[1], server.Worker(m.ID).Token
	_, signature, _ := strings.Cut(token[strings.Index(token, ".")+1:], ".")
	if len(key) < 40 || len(signature) < 40 {
		l.t.Fatalf("nothing to look for: %d and %d characters", len(key), len(signature))
	}
	console, err := os.ReadFile(l.log(m.Name + ".console"))
	l.must(err)
	units := m.Run("systemctl show 'beachhead*'; cat /etc/systemd/system/*.service; ps -eo args; cat /proc/[0-9]*/environ /run/lab-commands 2>/dev/null | tr '\\0' ' '")
	for name, text := range map[string]string{"journal": m.Journal(), "console": string(console), "units and command lines": units} {
		if text == "" {
			l.t.Errorf("the %s is empty", name)
		}
		for what, secret := range map[string]string{"registration token": key, "worker's token": signature} {
			if strings.Contains(text, secret) {
				l.t.Errorf("the %s is in the %s", what, name)
			}
		}
	}
	// In two halves, since the machine's journal tells what the laboratory runs.
	find := func(secret string) string {
		half := len(secret) / 2
		return m.Run(fmt.Sprintf("printf '%%s' '%s' '%s' | grep --recursive --files-with-matches --fixed-strings --file=- --devices=skip "+
			"/etc /var /run /tmp /usr/local /root || true", secret[:half], secret[half:]))
	}
	if found := find(key); found != "" {
		l.t.Errorf("the registration token is in %s", found)
	}
	const settings = "/var/lib/beachhead/ci/jobserv/settings.conf"
	if found := find(signature); found != settings || m.Run("stat --format='%a %U' "+settings) != "600 beachhead-ci" {
		l.t.Errorf("the worker's token is in %s, want %s alone", found, settings)
	}
}
