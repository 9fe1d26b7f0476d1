package nat

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

const routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
	"ens6\t00000000\t0100000A\t0003\t0\t0\t512\t00000000\t0\t0\t0\n" +
	"ens5\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
	"ens5\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"

// commands is the text of the machine's commands: each records its arguments, and nft lists the table once it has been
// loaded.
const commands = `#!/bin/sh
echo "${0##*/} $*" >>"$RECORD"
case "${0##*/} $*" in
"sysctl "*) if [ -z "$BROKEN" ]; then echo 1 >"$ROOT/proc/sys/net/ipv4/ip_forward"; fi ;;
"nft --file"*) touch "$RECORD.loaded" ;;
"nft list"*) [ -e "$RECORD.loaded" ] || { echo "Error: No such file or directory" >&2; exit 1; } ;;
"dpkg-query "*) echo installed ;;
esac
`

type machine struct {
	role   *Role
	record string
}

// startMachine returns a machine with the files of its kernel and a listener as the internet.
func startMachine(t *testing.T) *machine {
	t.Helper()
	h, bin := host.Host{Root: t.TempDir()}, t.TempDir()
	for _, name := range []string{"apt-get", "dpkg-query", "modprobe", "nft", "sysctl"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(commands), 0o755); err != nil { //nolint:gosec // a command
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{
		"/proc/net/route": routes, "/proc/meminfo": "MemTotal:        1883248 kB\nMemFree: 5 kB\n", forwardFile: "0\n",
		"/proc/sys/net/netfilter/nf_conntrack_count": "1500\n", "/proc/sys/net/netfilter/nf_conntrack_max": "60000\n",
	} {
		if _, err := h.WriteFile(file, 0o644, text); err != nil {
			t.Fatal(err)
		}
	}
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = outside.Close() })
	m := &machine{record: filepath.Join(t.TempDir(), "record")}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("RECORD", m.record)
	t.Setenv("ROOT", h.Root)
	m.role = New(h, spec.Description{Region: "us-west-1", NAT: &spec.NAT{Name: "nat",
		Sources: []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16")}}}, nil)
	m.role.internetAddress = outside.Addr().String()
	return m
}

func (m *machine) called(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(m.record)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), m.role.host.Root, "")
}

func TestPrepare(t *testing.T) {
	m := startMachine(t)
	if err := m.role.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = "dpkg-query --show --showformat=${db:Status-Status}\\n nftables\nmodprobe nf_conntrack\nsysctl --quiet --load=" + sysctlFile +
		"\nnft --file " + ruleFile + "\nnft list chain ip beachhead_nat postrouting\n"
	if have := strings.ReplaceAll(m.called(t), "Status}\n", "Status}\\n"); have != want {
		t.Errorf("%s\nwant\n%s", have, want)
	}
	for _, file := range []string{sysctlFile, ruleFile} {
		if text, err := os.ReadFile(m.role.host.Path(file)); err != nil || !strings.Contains(string(text), "ens5") ||
			strings.Contains(string(text), "ens6") {
			t.Errorf("want the interface of the best default route: %s, %v", text, err)
		}
	}
	if text, err := os.ReadFile(m.role.host.Path(sysctlFile)); err != nil || !strings.Contains(string(text), "\n# ConntrackPercent. ") {
		t.Errorf("want the name of the metric that shows a full table: %s, %v", text, err)
	}
	if err := m.role.Prepare(t.Context()); err != nil {
		t.Errorf("the second time: %v", err)
	}
	metrics, err := m.role.CollectMetrics(t.Context())
	if want := (aws.Metric{Name: "ConntrackPercent", Unit: "Percent", Value: 2.5}); err != nil || len(metrics) != 1 ||
		fmt.Sprint(metrics[0]) != fmt.Sprint(want) {
		t.Errorf("%v, %v", metrics, err)
	}
}

// After a kill in any step, the next run completes the work.
func TestPrepareResumes(t *testing.T) {
	for steps := range 5 {
		m := startMachine(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.role.Prepare(ctx) }()
		for { // until that many commands have run
			text, _ := os.ReadFile(m.record)
			if strings.Count(string(text), "\n") >= steps+1 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		stop()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("killed in step %d: %v", steps, err)
		}
		if err := m.role.Prepare(t.Context()); err != nil {
			t.Errorf("after a kill in step %d: %v", steps, err)
		}
		for _, file := range []string{sysctlFile, ruleFile} {
			if _, err := os.Stat(m.role.host.Path(file)); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*testing.T, *machine)
		want  string
	}{
		"no way out": {func(t *testing.T, m *machine) {
			t.Helper()
			m.role.internetAddress = "127.0.0.1:1"
		}, "no internet access: dial tcp 127.0.0.1:1"},
		"no forwarding": {func(t *testing.T, m *machine) {
			t.Helper()
			t.Setenv("BROKEN", "yes")
		}, "ip_forward contains 0, want 1; the agent restarts and " +
			"loads"},
		"no default route": {func(t *testing.T, m *machine) {
			t.Helper()
			if _, err := m.role.host.WriteFile("/proc/net/route", 0o644, strings.ReplaceAll(routes, "00000000\t0100000A",
				"00000001\t0100000A")); err != nil {
				t.Error(err)
			}
		}, "no default route; check `ip route`"},
		"no memory": {func(t *testing.T, m *machine) {
			t.Helper()
			if _, err := m.role.host.WriteFile("/proc/meminfo", 0o644, "MemFree: 5 kB\n"); err != nil {
				t.Error(err)
			}
		}, "no MemTotal"},
	} {
		t.Run(name, func(t *testing.T) {
			m := startMachine(t)
			c.spoil(t, m)
			if err := m.role.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestForwards(t *testing.T) {
	m := startMachine(t)
	if err := m.role.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.role.checkForwarding(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.Remove(m.record + ".loaded"); err != nil {
		t.Fatal(err)
	}
	if err := m.role.checkForwarding(t.Context()); err == nil || !strings.Contains(err.Error(), "the NAT rules are missing") {
		t.Errorf("without rules: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := m.role.Serve(stopped); err != nil {
		t.Errorf("stopped: %v", err)
	}
}

// Serve continues while the machine forwards, and ends with an error within a minute when it does not.
func TestServe(t *testing.T) {
	m := startMachine(t)
	if err := m.role.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if err := m.role.Serve(ctx); err != nil || time.Since(started) < 5*time.Minute {
			t.Errorf("%v after %s", err, time.Since(started))
		}
		if err := os.Remove(m.record + ".loaded"); err != nil {
			t.Fatal(err)
		}
		started = time.Now()
		err := m.role.Serve(t.Context())
		if err == nil || !strings.Contains(err.Error(), "the NAT rules are missing") || time.Since(started) > time.Minute {
			t.Errorf("%v after %s", err, time.Since(started))
		}
	})
}

// A route line has at least the eight columns up to the mask; shorter lines are ignored.
func TestParseDefaultDevice(t *testing.T) {
	for text, want := range map[string]string{
		"ens5 00000000 0100000A 0003 0 0 100 00000000": "ens5", "ens5 00000000 0100000A 0003 0 0 100": "",
		"ens6 00000000 0100000A 0003 0 0 200 00000000\nens5 00000000 0100000A 0003 0 0 100 00000000": "ens5",
		"ens5 00000000 0100000A 0003 0 0 100 00000000\nens6 00000000 0100000A 0003 0 0 200 00000000": "ens5",
		"ens6 00000000 0100000A 0003 0 0 none 00000000":                                              "",
	} {
		if got, err := parseDefaultDevice(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestSettings(t *testing.T) {
	for memory, want := range map[int]string{
		512 << 20: "nf_conntrack_max = 209715\n", 2 << 30: "nf_conntrack_max = 838860\nnet.netfilter.nf_conntrack_buckets = 209715\n",
		100 << 20: "nf_conntrack_max = 65536\n", math.MaxInt: "nf_conntrack_max = 4194304\n",
	} {
		text := renderSysctl(memory, "ens5")
		if !strings.Contains(text, want) || !strings.Contains(text, "\nnet.ipv4.ip_forward = 1\n") || !strings.Contains(text,
			"conf.ens5.send_redirects = 0\n") {
			t.Errorf("%d bytes: %s\nwant %s", memory, text, want)
		}
		for line := range strings.Lines(text) {
			if key, value, found := strings.Cut(line, " = "); line != "\n" && line[0] != '#' && (!found || strings.Contains(key, " ") ||
				strings.TrimSpace(value) == "") {
				t.Errorf("%q is no setting", line)
			}
		}
	}
}

// The kernel accepts the rules, also twice, and other tables stay unchanged. The test runs in a network namespace of
// its own, which ends with the command.
func TestKernelTakesTheRules(t *testing.T) {
	for _, command := range []string{"nft", "unshare"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("needs the command: %v", err)
		}
	}
	file := filepath.Join(t.TempDir(), "nat.nft")
	text := renderRules([]netip.Prefix{netip.MustParsePrefix("10.42.3.7/16"), netip.MustParsePrefix("10.50.0.0/20")}, "lo")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "unshare", "--user", "--map-root-user", "--net", "sh", "-e", "-c",
		`nft list ruleset >/dev/null 2>&1 || { echo unsupported; exit 0; }
		nft add table ip other; nft -f "$1"; nft -f "$1"; nft list ruleset`, "sh", file).CombinedOutput()
	if strings.Contains(string(out), "unsupported") || strings.Contains(string(out), "unshare failed") {
		t.Skipf("this kernel gives tests no network of their own with nftables: %s", out)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{
		"table ip other {", "ip saddr { 10.42.0.0/16, 10.50.0.0/20 } oifname \"lo\" masquerade", "maxseg size set rt mtu",
		"hook postrouting priority srcnat",
	} {
		if strings.Count(string(out), want) != 1 {
			t.Errorf("want %q once in\n%s", want, out)
		}
	}
}
