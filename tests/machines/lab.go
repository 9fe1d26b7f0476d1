//go:build machines

// Package machines boots Debian in QEMU with the user data that the plan makes, on a network of its own on which stand-ins for AWS answer at AWS's
// own names. The product runs as it does on EC2: it knows no switch for these tests.
package machines

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// Lab is a region: its network, the AWS that it sees, and its machines.
type Lab struct {
	Plan       *plan.Plan
	EC2        *EC2
	Scaling    *Scaling
	Parameters *Parameters
	// Agent is the digest of the agent's build for these machines.
	Agent plan.Agent

	t           testing.TB
	image       image
	accelerator string
	memory      int    // MiB of each machine
	disk        int    // GiB of each machine's root, to which it grows at boot as on EC2; 0: as large as the image
	without     string // a package that machines come without, for the agent to install from Mirror
	fabric      *fabric
	outside     *outside
	names       *names
	trust       *authority
	folder      string
	artifacts   string
	objects     map[string]string // files, by the path in the bucket
	next        netip.Addr        // the next address outside
	plugs       sync.Mutex

	mutex    sync.Mutex
	requests []Request
	metrics  []Metric
}

// Request is one that a machine made of AWS: Service is metadata, s3, ec2, ssm, autoscaling or monitoring.
type Request struct {
	At       time.Time
	Instance string
	Service  string
	Text     string
}

// Where the things are that AWS has at fixed addresses, and where the laboratory puts the rest: the block for documentation, RFC 5737.
var (
	metadataAddress = netip.MustParseAddr("169.254.169.254")
	clockAddress    = netip.MustParseAddr("169.254.169.123")
	firstOutside    = netip.MustParseAddr("203.0.113.10")
)

// agentBinary is the agent for the machines' architecture, from the repository's root.
const agentBinary = "bin/beachhead-node-linux-amd64"

// New makes the region of testdata/FILE. Everything ends with the test; the machines' consoles and journals stay in the directory that
// BEACHHEAD_ARTIFACTS names, where it is set.
func New(t testing.TB, file string) *Lab {
	t.Helper()
	i := theImage(t)
	trust, err := readAuthority(i.directory)
	if err != nil {
		t.Fatal(err)
	}
	l := newRegion(t, file, trust)
	l.image, l.accelerator = i, accelerator()
	t.Logf("accelerator: %s", l.accelerator)
	return l
}

// newRegion makes everything but what machines need.
func newRegion(t testing.TB, file string, trust *authority) *Lab {
	t.Helper()
	l := &Lab{t: t, memory: 512, folder: t.TempDir(), objects: map[string]string{}, next: firstOutside, trust: trust}
	t.Cleanup(l.report)
	l.artifacts = l.folder
	if directory := os.Getenv("BEACHHEAD_ARTIFACTS"); directory != "" {
		l.artifacts = filepath.Join(directory, strings.ReplaceAll(t.Name(), "/", "-"))
		l.must(os.MkdirAll(l.artifacts, 0o755))
	}
	configs, err := regionfile.LoadAll([]string{filepath.Join("testdata", file)})
	l.must(err)
	l.Plan, err = plan.Build(configs[0])
	l.must(err)
	l.connect()
	l.EC2, l.Scaling = newEC2(l), &Scaling{lab: l, members: map[string]*member{}}
	l.Parameters = &Parameters{lab: l, versions: map[string][]string{}}
	l.serveAWS()
	l.publishAgent()
	return l
}

// publishAgent puts the agent into the bucket as it is now: a build that ends in the middle of the test is not the one that user data names. All
// machines here are of one architecture, also those that are ARM machines in the plan, as NAT instances are.
func (l *Lab) publishAgent() {
	l.t.Helper()
	build, err := os.ReadFile(filepath.Join("..", "..", agentBinary))
	if err != nil {
		l.t.Fatalf("%v; make agent builds it", err)
	}
	path := filepath.Join(l.folder, "agent")
	l.must(os.WriteFile(path, build, 0o600))
	sum := sha256.Sum256(build)
	digest := hex.EncodeToString(sum[:])
	l.Agent = plan.Agent{regionfile.AMD64: digest, regionfile.ARM64: digest}
	for arch := range l.Agent {
		l.objects["/"+plan.AgentKey(arch, digest)] = path
	}
}

// connect makes the network and what answers on it without a name.
func (l *Lab) connect() {
	l.t.Helper()
	resolver := l.Plan.Network.CIDR.Masked().Addr().Next().Next()
	l.names = &names{addresses: map[string]netip.Addr{}}
	l.fabric = &fabric{
		cards: map[mac]*card{}, ways: map[netip.Prefix]mac{}, resolver: resolver,
		direct: map[netip.Addr]bool{resolver: true, metadataAddress: true, clockAddress: true},
	}
	var err error
	l.outside, err = newOutside(l.fabric.back)
	l.must(err)
	l.t.Cleanup(l.outside.close)
	l.fabric.outside = l.outside.take
	questions, err := l.outside.packets(netip.AddrPortFrom(resolver, 53))
	l.must(err)
	go l.names.serve(questions)
	ticks, err := l.outside.packets(netip.AddrPortFrom(clockAddress, 123))
	l.must(err)
	go serveTime(ticks)
}

func (l *Lab) serveAWS() {
	l.t.Helper()
	metadata, err := l.outside.listen(netip.AddrPortFrom(metadataAddress, 80))
	l.must(err)
	l.web(metadata, http.HandlerFunc(l.EC2.serveMetadata))
	suffix := "." + l.Plan.Region + ".amazonaws.com"
	bucket := l.HTTPS(l.Plan.Bucket+".s3"+suffix, http.HandlerFunc(l.serveBucket))
	l.fabric.direct[bucket] = true // by its gateway endpoint, which every region has
	for name, handler := range map[string]http.HandlerFunc{
		"ec2": l.EC2.serve, "autoscaling": l.Scaling.serve, "ssm": l.Parameters.serve, "monitoring": l.serveMetrics,
		"s3": http.NotFound, // at the region itself, whose answers tell runners the time
	} {
		l.HTTPS(name+suffix, handler)
	}
}

// HTTPS serves a name on port 443 with a certificate that machines trust, at an address of its own, which it gives.
func (l *Lab) HTTPS(name string, handler http.Handler) netip.Addr {
	l.t.Helper()
	listener, address := l.Listen(name, 443)
	l.web(tls.NewListener(listener, l.trust.config()), handler)
	return address
}

// Listen takes TCP connections to a name. The remote address is that of the machine, or of the one that translates for it.
func (l *Lab) Listen(name string, port uint16) (net.Listener, netip.Addr) {
	l.t.Helper()
	address, known := l.names.find(name)
	if !known {
		address, l.next = l.next, l.next.Next()
		l.names.set(name, address)
	}
	listener, err := l.outside.listen(netip.AddrPortFrom(address, port))
	l.must(err)
	return listener, address
}

// anyMachine makes the fleet's CI server one that takes every machine.
func (l *Lab) anyMachine() {
	l.t.Helper()
	l.HTTPS("ci.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
}

// Mirror is Debian's own archive at its name, and tells how often it was asked.
func (l *Lab) Mirror() (asked func() int) {
	l.t.Helper()
	const host = "deb.debian.org"
	var requests atomic.Int64
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		requests.Add(1)
		r.SetURL(&url.URL{Scheme: "http", Host: host})
	}}
	listener, _ := l.Listen(host, 80)
	l.web(listener, through)
	return func() int { return int(requests.Load()) }
}

// Name makes a name lead to an address. A name at which nobody listens is one to which a connect hangs.
func (l *Lab) Name(name string, address netip.Addr) { l.names.set(name, address) }

// Through sends what leaves the subnets for the internet through an interface, as the default route of their table; an empty id takes that back.
func (l *Lab) Through(id string, subnets ...netip.Prefix) {
	l.t.Helper()
	l.fabric.mutex.Lock()
	defer l.fabric.mutex.Unlock()
	for _, subnet := range subnets {
		delete(l.fabric.ways, subnet)
		if id != "" {
			l.fabric.ways[subnet] = newMAC(id)
		}
	}
}

func (l *Lab) web(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(os.Stderr, "lab: ", 0)}
	go func() { _ = server.Serve(listener) }()
	l.t.Cleanup(func() { _ = server.Close() })
}

// Runner boots a machine of a fleet in a zone, with the fleet's user data.
func (l *Lab) Runner(f plan.Fleet, zone string) *Machine {
	l.t.Helper()
	text, err := l.Plan.FleetUserData(f, l.Agent)
	l.must(err)
	return l.Launch(f.Name, text, f.Types[0].Name, zone, l.Plan.Network.FleetTier)
}

// Server boots a server of a shard, with the shard's user data.
func (l *Lab) Server(s plan.Shard) *Machine {
	l.t.Helper()
	text, err := l.Plan.ShardUserData(s, l.Agent)
	l.must(err)
	return l.Launch(s.Name, text, l.Plan.Cache.InstanceTypes[0], s.Zone, plan.CacheTier)
}

// Shard makes a shard's volume and interface, which outlive its servers, and gives their ids.
func (l *Lab) Shard(s plan.Shard, sizeGiB int) (volume, iface string) {
	l.t.Helper()
	tags := map[string]string{"Name": s.Name, "beachhead:cache": l.Plan.Name}
	return l.EC2.NewVolume(s.Zone, sizeGiB, tags), l.EC2.NewInterface(s.Address, true, tags)
}

// Launch boots a machine with any user data, in a scaling group of the name, in which it waits for its ready hook.
func (l *Lab) Launch(group, userData, kind, zone string, tier plan.Tier) *Machine {
	l.t.Helper()
	one, first := l.instance(group, userData, kind, zone, tier)
	l.start(one.machine, first.card)
	return one.machine
}

// LaunchBehind is Launch for a machine whose first interface is one that is there already and outlives it, as its launch template names it.
func (l *Lab) LaunchBehind(iface, group, userData, kind, zone string) *Machine {
	l.t.Helper()
	l.EC2.mutex.Lock()
	first := l.EC2.interfaces[iface]
	if first.holder != "" {
		l.t.Fatalf("%s has %s", first.holder, iface)
	}
	one := l.EC2.newInstance(group, userData, kind, zone, first)
	l.EC2.mutex.Unlock()
	l.Scaling.join(one.machine, group)
	l.start(one.machine, first.card)
	return one.machine
}

// instance makes one with an interface of its own, in a group.
func (l *Lab) instance(group, userData, kind, zone string, tier plan.Tier) (*instance, *netInterface) {
	l.t.Helper()
	l.EC2.mutex.Lock()
	first := l.EC2.newInterface(l.free(zone, tier), true, map[string]string{})
	one := l.EC2.newInstance(group, userData, kind, zone, first)
	l.EC2.mutex.Unlock()
	l.Scaling.join(one.machine, group)
	return one, first
}

// newInstance makes one with its first interface. The caller holds the mutex.
func (e *EC2) newInstance(group, userData, kind, zone string, first *netInterface) *instance {
	one := &instance{
		id: e.newID("i"), kind: kind, zone: zone, userData: userData, state: "running", address: first.card.address, notices: map[string]string{},
	}
	first.holder, first.state, first.attachment = one.id, "attached", e.newID("eni-attach")
	one.machine = &Machine{ID: one.id, Name: fmt.Sprintf("%s-%d", group, len(e.instances)+1), lab: e.lab, gone: make(chan struct{}), ports: map[string]string{}}
	e.instances[one.id] = one
	return one
}

// free is the next address of a subnet for a machine's first interface, above those that are fixed. The caller holds EC2's mutex.
func (l *Lab) free(zone string, tier plan.Tier) netip.Addr {
	for _, z := range l.Plan.Network.Zones {
		if z.Name != zone {
			continue
		}
		raw := z.Subnets[tier].Masked().Addr().As4()
		raw[3] += 100
		for address := netip.AddrFrom4(raw); ; address = address.Next() {
			if l.fabric.at(address) == nil {
				return address
			}
		}
	}
	l.t.Fatalf("the region has no zone %s", zone)
	return netip.Addr{}
}

func (l *Lab) subnetOf(address netip.Addr) netip.Prefix {
	for _, z := range l.Plan.Network.Zones {
		for _, subnet := range z.Subnets {
			if subnet.Contains(address) {
				return subnet
			}
		}
	}
	l.t.Fatalf("no subnet of the region has %s", address)
	return netip.Prefix{}
}

// Requests are those of a machine to a service, in their order.
func (l *Lab) Requests(m *Machine, service string) []Request {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var all []Request
	for _, r := range l.requests {
		if r.Instance == m.ID && r.Service == service {
			all = append(all, r)
		}
	}
	return all
}

// Metrics are all that were published under a name.
func (l *Lab) Metrics(name string) []Metric {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var all []Metric
	for _, m := range l.metrics {
		if m.Name == name {
			all = append(all, m)
		}
	}
	return all
}

func (l *Lab) record(id, service string, text ...string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.requests = append(l.requests, Request{At: time.Now(), Instance: id, Service: service, Text: strings.Join(text, " ")})
}

// Within tries until there is no error, twice a second, and ends the test with the last one when the limit is over.
func (l *Lab) Within(limit time.Duration, what string, try func() error) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), limit)
	defer cancel()
	started := time.Now()
	for {
		err := try()
		if err == nil {
			l.t.Logf("%s: %.1f s", what, time.Since(started).Seconds())
			return
		}
		select {
		case <-ctx.Done():
			l.t.Fatalf("%s: not within %s: %v", what, limit, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (l *Lab) log(name string) string { return filepath.Join(l.artifacts, name) }

// report shows the ends of the machines' journals when the test failed.
func (l *Lab) report() {
	if !l.t.Failed() {
		return
	}
	files, _ := filepath.Glob(l.log("*.journal"))
	consoles, _ := filepath.Glob(l.log("*.console"))
	for _, file := range append(files, consoles...) {
		text, _ := os.ReadFile(file)
		l.t.Logf("the end of %s:\n%s", filepath.Base(file), text[max(0, len(text)-4000):])
	}
}

func (l *Lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}
