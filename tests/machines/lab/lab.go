//go:build machines

// Package lab boots Debian in QEMU with the user data that a plan creates. The machines have a network of their own, where stand-ins for
// AWS answer at AWS's own names. The agent runs as it does on EC2 and has no switch for these tests.
package lab

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
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
	Agent plan.AgentDigests

	T              testing.TB
	image          image
	accelerator    string
	MemoryMiB      int    // MiB of each machine
	DiskGiB        int    // GiB of each machine's root, to which it grows at boot as on EC2; 0: as large as the image
	MissingPackage string // a package that machines come without, for the agent to install from Mirror
	fabric         *fabric
	outside        *outside
	names          *names
	trust          *authority
	folder         string
	artifacts      string
	objects        map[string]string // files, by the path in the bucket
	next           netip.Addr        // the next address outside
	plugs          sync.Mutex

	mutex    sync.Mutex
	requests []Request
	metrics  []Metric
}

// Request is a request of a machine to AWS. Service is metadata, s3, ec2, ssm, autoscaling or monitoring.
type Request struct {
	At       time.Time
	Instance string
	Service  string
	Text     string
}

// The services that AWS has at fixed addresses, and the first address of all others, in the block for documentation (RFC 5737).
var (
	metadataAddress = netip.MustParseAddr("169.254.169.254")
	clockAddress    = netip.MustParseAddr("169.254.169.123")
	firstOutside    = netip.MustParseAddr("203.0.113.10")
)

// agentBinary is the agent for the machines' architecture, from the repository's root.
const agentBinary = "bin/beachhead-node-linux-amd64"

// New creates the region of a region file. The region ends with the test. The machines' consoles and journals stay in the directory that
// BEACHHEAD_ARTIFACTS names, if it is set.
func New(t testing.TB, file string) *Lab {
	t.Helper()
	i := requireImage(t)
	trust, err := readAuthority(i.directory)
	if err != nil {
		t.Fatal(err)
	}
	l := newRegion(t, file, trust)
	l.image, l.accelerator = i, accelerator()
	t.Logf("accelerator: %s", l.accelerator)
	return l
}

// newRegion creates everything except what machines need.
func newRegion(t testing.TB, file string, trust *authority) *Lab {
	t.Helper()
	l := &Lab{T: t, MemoryMiB: 512, folder: t.TempDir(), objects: map[string]string{}, next: firstOutside, trust: trust}
	t.Cleanup(l.logJournals)
	l.artifacts = l.folder
	if directory := os.Getenv("BEACHHEAD_ARTIFACTS"); directory != "" {
		l.artifacts = filepath.Join(directory, strings.ReplaceAll(t.Name(), "/", "-"))
		l.Must(os.MkdirAll(l.artifacts, 0o755))
	}
	configs, err := regionfile.LoadAll([]string{file})
	l.Must(err)
	l.Plan, err = plan.Build(configs[0])
	l.Must(err)
	l.buildNetwork()
	l.EC2, l.Scaling = newEC2(l), &Scaling{lab: l, members: map[string]*member{}}
	l.Parameters = &Parameters{lab: l, versions: map[string][]string{}}
	l.serveAWS()
	l.publishAgent()
	return l
}

// publishAgent copies the agent into the bucket: a build that ends in the middle of the test would not have the digest that user data
// names. All machines of the lab have one architecture, also those that are ARM machines in the plan, as NAT instances are.
func (l *Lab) publishAgent() {
	l.T.Helper()
	build, err := os.ReadFile(filepath.Join(repositoryRoot(l.T), agentBinary))
	if err != nil {
		l.T.Fatalf("%v; make agent builds it", err)
	}
	path := filepath.Join(l.folder, "agent")
	l.Must(os.WriteFile(path, build, 0o600))
	sum := sha256.Sum256(build)
	digest := hex.EncodeToString(sum[:])
	l.Agent = plan.AgentDigests{regionfile.AMD64: digest, regionfile.ARM64: digest}
	for arch := range l.Agent {
		l.objects["/"+plan.AgentKey(arch, digest)] = path
	}
}

// repositoryRoot returns the folder of go.mod.
func repositoryRoot(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	for ; err == nil; folder = filepath.Dir(folder) {
		if _, missing := os.Stat(filepath.Join(folder, "go.mod")); missing == nil {
			return folder
		}
		if folder == filepath.Dir(folder) {
			err = os.ErrNotExist
		}
	}
	t.Fatalf("go.mod is in no folder above the test's: %v", err)
	return ""
}

// buildNetwork creates the network and the services on it that have no name.
func (l *Lab) buildNetwork() {
	l.T.Helper()
	resolver := l.Plan.Network.CIDR.Masked().Addr().Next().Next()
	l.names = &names{addresses: map[string]netip.Addr{}}
	l.fabric = &fabric{
		cards: map[mac]*card{}, routes: map[netip.Prefix]mac{}, resolver: resolver,
		direct: map[netip.Addr]bool{resolver: true, metadataAddress: true, clockAddress: true},
	}
	var err error
	l.outside, err = newOutside(l.fabric.deliverFromOutside)
	l.Must(err)
	l.T.Cleanup(l.outside.close)
	l.fabric.outside = l.outside.injectPacket
	questions, err := l.outside.listenUDP(netip.AddrPortFrom(resolver, 53))
	l.Must(err)
	go l.names.serveQueries(questions)
	ticks, err := l.outside.listenUDP(netip.AddrPortFrom(clockAddress, 123))
	l.Must(err)
	go serveTime(ticks)
}

func (l *Lab) serveAWS() {
	l.T.Helper()
	metadata, err := l.outside.listenTCP(netip.AddrPortFrom(metadataAddress, 80))
	l.Must(err)
	l.serveWeb(metadata, http.HandlerFunc(l.EC2.serveMetadata))
	suffix := "." + l.Plan.Region + ".amazonaws.com"
	bucket := l.ServeHTTPS(l.Plan.Bucket+".s3"+suffix, http.HandlerFunc(l.serveBucket))
	l.fabric.direct[bucket] = true // by its gateway endpoint, which every region has
	for name, handler := range map[string]http.HandlerFunc{
		"ec2": l.EC2.serveQuery, "autoscaling": l.Scaling.serveQuery, "ssm": l.Parameters.serveAPI, "monitoring": l.serveMetrics,
		"s3": http.NotFound, // at the region itself, whose answers tell runners the time
	} {
		l.ServeHTTPS(name+suffix, handler)
	}
}

// ServeHTTPS serves a name on port 443 with a certificate that machines trust. It returns the name's address.
func (l *Lab) ServeHTTPS(name string, handler http.Handler) netip.Addr {
	l.T.Helper()
	listener, address := l.ListenAt(name, 443)
	l.serveWeb(tls.NewListener(listener, l.trust.serverConfig()), handler)
	return address
}

// ListenAt accepts TCP connections to a name. The remote address is the machine's, or that of the NAT instance before it.
func (l *Lab) ListenAt(name string, port uint16) (net.Listener, netip.Addr) {
	l.T.Helper()
	address, known := l.names.findAddress(name)
	if !known {
		address, l.next = l.next, l.next.Next()
		l.names.setAddress(name, address)
	}
	listener, err := l.outside.listenTCP(netip.AddrPortFrom(address, port))
	l.Must(err)
	return listener, address
}

// AcceptAnyMachine serves the fleet's CI server, which accepts every machine.
func (l *Lab) AcceptAnyMachine() {
	l.T.Helper()
	l.ServeHTTPS("ci.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
}

// ServeDebianMirror forwards to Debian's own archive at its name. The returned function counts the requests.
func (l *Lab) ServeDebianMirror() (asked func() int) {
	l.T.Helper()
	const host = "deb.debian.org"
	var requests atomic.Int64
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		requests.Add(1)
		r.SetURL(&url.URL{Scheme: "http", Host: host})
	}}
	listener, _ := l.ListenAt(host, 80)
	l.serveWeb(listener, through)
	return func() int { return int(requests.Load()) }
}

// SetName resolves a name to an address. A connection to an address without a listener hangs.
func (l *Lab) SetName(name string, address netip.Addr) { l.names.setAddress(name, address) }

// RouteThrough sends the subnets' traffic to the internet through an interface, as the default route of their table. An empty id removes
// the route.
func (l *Lab) RouteThrough(id string, subnets ...netip.Prefix) {
	l.T.Helper()
	l.fabric.mutex.Lock()
	defer l.fabric.mutex.Unlock()
	for _, subnet := range subnets {
		delete(l.fabric.routes, subnet)
		if id != "" {
			l.fabric.routes[subnet] = newMAC(id)
		}
	}
}

func (l *Lab) serveWeb(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(os.Stderr, "lab: ", 0)}
	go func() { _ = server.Serve(listener) }()
	l.T.Cleanup(func() { _ = server.Close() })
}

func (l *Lab) subnetOf(address netip.Addr) netip.Prefix {
	for _, z := range l.Plan.Network.Zones {
		for _, subnet := range z.Subnets {
			if subnet.Contains(address) {
				return subnet
			}
		}
	}
	l.T.Fatalf("no subnet of the region has %s", address)
	return netip.Prefix{}
}

// RequestsOf returns a machine's requests to a service, in their order.
func (l *Lab) RequestsOf(m *Machine, service string) []Request {
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

// MetricsNamed returns all metrics that machines published under a name.
func (l *Lab) MetricsNamed(name string) []Metric {
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

func (l *Lab) recordRequest(id, service string, text ...string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.requests = append(l.requests, Request{At: time.Now(), Instance: id, Service: service, Text: strings.Join(text, " ")})
}

// WaitFor calls try twice a second until it returns no error. It ends the test with the last error after the limit.
func (l *Lab) WaitFor(limit time.Duration, what string, try func() error) {
	l.T.Helper()
	ctx, cancel := context.WithTimeout(l.T.Context(), limit)
	defer cancel()
	started := time.Now()
	for {
		err := try()
		if err == nil {
			l.T.Logf("%s: %.1f s", what, time.Since(started).Seconds())
			return
		}
		select {
		case <-ctx.Done():
			l.T.Fatalf("%s: not within %s: %v", what, limit, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// LogFile returns the path of a file among the test's artifacts.
func (l *Lab) LogFile(name string) string { return filepath.Join(l.artifacts, name) }

// logJournals logs the ends of the machines' journals if the test failed.
func (l *Lab) logJournals() {
	if !l.T.Failed() {
		return
	}
	files, _ := filepath.Glob(l.LogFile("*.journal"))
	consoles, _ := filepath.Glob(l.LogFile("*.console"))
	for _, file := range append(files, consoles...) {
		text, _ := os.ReadFile(file)
		l.T.Logf("the end of %s:\n%s", filepath.Base(file), text[max(0, len(text)-4000):])
	}
}

// Must ends the test if err is not nil.
func (l *Lab) Must(err error) {
	l.T.Helper()
	if err != nil {
		l.T.Fatal(err)
	}
}
