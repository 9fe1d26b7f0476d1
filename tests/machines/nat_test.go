//go:build machines

package machines

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/tests/machines/lab"
)

// A NAT instance carries what a machine in the private subnet sends outside, in both directions and in its own name. When its power is cut
// nothing gets out, and its successor behind the same interface carries on, without any change of a route. The first comes without the
// package that it needs, as Debian's own image for EC2 does, and installs it from Debian's archive.
func TestNAT(t *testing.T) {
	t.Parallel()
	l := lab.New(t, "testdata/nat.yaml")
	n := newNAT(l)
	asked := l.ServeDebianMirror()
	l.MissingPackage = "nftables"
	first := n.bootInstance()
	l.MissingPackage = ""
	n.client = l.LaunchMachine("client", "#!/bin/sh\n", "m7i.large", n.zone.Name, plan.PrivateTier)
	n.client.WaitBooted()
	n.WaitInService(first)
	if out := first.RunCommand("grep -E ' (purge|install) nftables:' /var/log/dpkg.log"); strings.Count(out, "\n") != 1 || asked() == 0 {
		t.Errorf("the archive was asked %d times, and dpkg says\n%s", asked(), out)
	}
	n.checkEcho()

	first.CutPower()
	if out, err := n.sendEcho(); err == nil {
		t.Errorf("without its NAT instance the machine got out: %s", out)
	}
	l.EC2.TerminateInstance(first.ID)
	second := n.bootInstance()
	n.WaitInService(second)
	n.checkEcho()
	// Once a minute from the first minute on, and the second boot took longer.
	n.checkMetrics()
	l.Scaling.StartTermination(second)
	l.WaitFor(2*time.Minute, "second drained", func() error {
		if state := l.Scaling.StateOf(second); state != lab.Terminated {
			return errors.New(state)
		}
		return nil
	})
}

// nat is the region's only zone, with a machine in its private subnet.
type nat struct {
	*lab.Lab
	zone   plan.Zone
	iface  string
	client *lab.Machine
}

// newNAT makes what is there before any machine: the interface, the private subnet's route to it, and the outside. That is the name by
// which a NAT instance checks its own way out, and echo.example.com, which gives back what it gets, and the address that it came from.
func newNAT(l *lab.Lab) *nat {
	l.T.Helper()
	n := &nat{Lab: l, zone: l.Plan.Network.Zones[0]}
	n.iface = l.EC2.NewInterface(n.zone.NATInstance.Address, false, map[string]string{"Name": n.zone.NATInstance.Name})
	l.RouteThrough(n.iface, n.zone.Subnets[plan.PrivateTier])
	l.ListenAt("sts."+l.Plan.Region+".amazonaws.com", 443)
	l.ServeHTTPS("echo.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		w.Header().Set("From", host)
		_, _ = io.Copy(w, r.Body)
	}))
	return n
}

// bootInstance boots the NAT instance, as its group does whenever there is none.
func (n *nat) bootInstance() *lab.Machine {
	n.T.Helper()
	text, err := n.Plan.NATUserData(n.zone.Name, n.Agent)
	n.Must(err)
	return n.LaunchBehind(n.iface, n.zone.NATInstance.Name, text, n.zone.NATInstance.InstanceType, n.zone.Name)
}

// sendEcho sends half a MiB to the outside and back, on one connection, and gives the address that the outside saw. The limits are what a
// build may wait in software emulation.
func (n *nat) sendEcho() (string, error) {
	return n.client.TryCommand(time.Minute, `head -c 500000 /dev/urandom >/tmp/sent &&
		curl --fail --silent --show-error --connect-timeout 10 --max-time 40 --data-binary @/tmp/sent --output /tmp/got \
			--write-out '%header{from}' https://echo.example.com/ 2>&1 && cmp /tmp/sent /tmp/got`)
}

// checkEcho is at once, since a machine in service carries traffic: a change of egress mode moves routes to it then.
func (n *nat) checkEcho() {
	n.T.Helper()
	from, err := n.sendEcho()
	if err != nil || from != n.zone.NATInstance.Address.String() {
		n.T.Errorf("the outside saw %q, want %s: %v", from, n.zone.NATInstance.Address, err)
	}
}

func (n *nat) checkMetrics() {
	n.T.Helper()
	metrics := n.MetricsNamed("ConntrackPercent")
	for _, m := range metrics {
		if m.Namespace != "Beachhead" || fmt.Sprint(m.Dimensions) != "map[NATInstance:"+n.zone.NATInstance.Name+"]" || m.Value < 0 ||
			m.Value > 100 {
			n.T.Errorf("published: %v", m)
		}
	}
	if len(metrics) == 0 {
		n.T.Error("nothing was published")
	}
}
