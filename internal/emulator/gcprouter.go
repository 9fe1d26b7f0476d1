package emulator

import (
	"net/netip"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	routerType          = "gcp:compute/router:Router"
	routerInterfaceType = "gcp:compute/routerInterface:RouterInterface"
	routerPeerType      = "gcp:compute/routerPeer:RouterPeer"
)

func init() {
	define(routerKind(), routerInterfaceKind(), routerPeerKind())
}

func routerKind() *kind {
	return inGoogle(&kind{
		typ:    routerType,
		refuse: []string{"encryptedInterconnectRouter"},
		refs:   []ref{{path: "network", to: []string{gcpNetworkType}, when: holds}},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			bgp := l.under("bgp")
			if asn, ok := bgp.in["asn"].(float64); ok && !isPrivateASN(asn) {
				bgp.bad("asn", "%.0f: want a private ASN, 64512 to 65534 or 4200000000 to 4294967294 (RFC 6996)", asn)
			}
			bgp.number("keepaliveInterval", 20, 60)
			bgp.advertisement("ALL_SUBNETS")
			return l.failures()
		},
	}, inCollection)
}

// isPrivateASN holds on both sides of the link: for Cloud Routers (docs/facts.md, section 2) and for AWS's VPN gateways.
func isPrivateASN(asn float64) bool {
	return asn >= 64512 && asn <= 65534 || asn >= 4200000000 && asn <= 4294967294
}

// advertisement wants groups and ranges with the mode CUSTOM only, and valid ones.
func (l *look) advertisement(groups ...string) {
	l.choice("advertiseMode", "DEFAULT", "CUSTOM")
	custom := l.str("advertiseMode") == "CUSTOM"
	for _, name := range []string{"advertisedGroups", "advertisedIpRanges"} {
		if list, _ := l.in[name].([]any); len(list) > 0 && !custom {
			l.bad(name, "is for advertiseMode CUSTOM only")
		}
	}
	for _, g := range strs(l.in["advertisedGroups"]) {
		if !slices.Contains(groups, g) {
			l.bad("advertisedGroups", "%q must be one of %q", g, groups)
		}
	}
	for _, r := range l.each("advertisedIpRanges") {
		if p, err := netip.ParsePrefix(r.str("range")); r.has("range") && (err != nil || p.Masked() != p) {
			r.bad("range", "%q is not a valid network range", r.str("range"))
		}
	}
}

func routerInterfaceKind() *kind {
	return inGoogle(&kind{
		typ:    routerInterfaceType,
		refuse: []string{"interconnectAttachment", "privateIpAddress", "redundantInterface", "subnetwork"},
		oneOf:  [][]string{{"vpnTunnel"}},
		refs: []ref{
			{path: "router", to: []string{routerType}, when: fades},
			{path: "vpnTunnel", to: []string{vpnTunnelType}, when: holds},
		},
		importID: func(r *record) string { return r.str("project") + "/" + r.ID },
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			l.only("ipVersion", "IPV4")
			if p, err := netip.ParsePrefix(l.str("ipRange")); l.has("ipRange") && (err != nil || !linkLocal.Contains(p.Addr()) || p.Bits() < 16) {
				l.bad("ipRange", "%q: want an address in %s with its range's length, such as 169.254.10.2/30", l.str("ipRange"), linkLocal)
			}
			return l.failures()
		},
		create: createRouterInterface,
	}, func(in scope, r *record) string {
		return in.region + "/" + lastStep(r.str("router")) + "/" + r.str("name")
	})
}

// linkLocal is where the inside addresses of tunnels lie.
var linkLocal = netip.MustParsePrefix("169.254.0.0/16")

// createRouterInterface refuses a tunnel's second interface and ranges of one router that overlap.
func createRouterInterface(c *call) error {
	tunnel, router := c.target("vpnTunnel", vpnTunnelType), c.target("router", routerType)
	if tunnel.Region != c.rec.Region {
		return refused("googleapi: Error 400: Invalid value: tunnel '%s' is not in the router's region %s, invalid", tunnel.ID, c.rec.Region)
	}
	own, _ := netip.ParsePrefix(c.rec.str("ipRange")) // absent ones overlap with nothing
	for _, other := range c.st.of(routerInterfaceType) {
		if linked := c.st.targetOf(other, "vpnTunnel", vpnTunnelType); linked != nil && linked.key == tunnel.key {
			return refused("googleapi: Error 400: VPN tunnel '%s' is already linked to the interface '%s', invalid", tunnel.ID, other.ID)
		}
		theirs, err := netip.ParsePrefix(other.str("ipRange"))
		same := c.st.targetOf(other, "router", routerType)
		if err == nil && own.IsValid() && same != nil && same.key == router.key && theirs.Overlaps(own) {
			return refused("googleapi: Error 400: Invalid value for field 'resource.interfaces.ipRange': '%s'. It overlaps with that of '%s', invalid",
				own, other.ID)
		}
	}
	c.rec.Outputs["ipVersion"] = "IPV4"
	return nil
}

func routerPeerKind() *kind {
	return inGoogle(&kind{
		typ:      routerPeerType,
		defaults: map[string]any{"advertiseMode": "DEFAULT", "enable": true, "enableIpv6": false},
		// AWS's side of a tunnel has neither BFD nor keys for BGP.
		refuse: []string{"bfd", "customLearnedIpRanges", "customLearnedRoutePriority", "exportPolicies", "importPolicies", "ipv4NexthopAddress",
			"ipv6NexthopAddress", "md5AuthenticationKey", "peerIpv4NexthopAddress", "peerIpv6NexthopAddress", "routerApplianceInstance"},
		refs: []ref{
			{path: "router", to: []string{routerType}, when: fades},
			{path: "interface", to: []string{routerInterfaceType}, when: holds},
		},
		check:  checkRouterPeer,
		create: createRouterPeer,
		update: func(c *call) error {
			if err := c.checkPeerASN(); err != nil {
				return err
			}
			c.queueUp(c.target("router", routerType).key)
			return nil
		},
		remove: func(c *call) error {
			if router := c.st.targetOf(c.old, "router", routerType); router != nil {
				c.queueUp(router.key)
			}
			return nil
		},
	}, func(in scope, r *record) string {
		return "projects/" + in.account + "/regions/" + in.region + "/routers/" + lastStep(r.str("router")) + "/" + r.str("name")
	})
}

func checkRouterPeer(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	l.number("peerAsn", 1, 4294967295)
	l.advertisement("ALL_SUBNETS", "ALL_VPC_SUBNETS", "ALL_PEER_VPC_SUBNETS")
	for _, name := range []string{"ipAddress", "peerIpAddress"} {
		if s := l.str(name); s != "" && !isIPv4(s) {
			l.bad(name, "%q is not a valid IPv4 address", s)
		}
	}
	if l.in["enableIpv6"] == true {
		l.bad("enableIpv6", "the emulator has no rules for this property")
	}
	return l.failures()
}

func createRouterPeer(c *call) error {
	if err := c.checkPeerASN(); err != nil {
		return err
	}
	face := c.target("interface", routerInterfaceType)
	for _, other := range c.st.of(routerPeerType) {
		if on := c.st.targetOf(other, "interface", routerInterfaceType); on != nil && on.key == face.key {
			return refused("googleapi: Error 400: Interface '%s' has the BGP peer '%s' already, invalid", face.ID, other.ID)
		}
	}
	own, err := netip.ParsePrefix(face.str("ipRange"))
	if err == nil {
		c.rec.Outputs["ipAddress"] = own.Addr().String()
	}
	for _, name := range []string{"ipAddress", "peerIpAddress"} {
		if a, wrong := netip.ParseAddr(c.rec.str(name)); wrong == nil && err == nil && !own.Contains(a) {
			return refused("googleapi: Error 400: Invalid value for field 'resource.bgpPeers.%s': '%s'. It is not in the range %s of interface '%s', invalid",
				name, a, own.Masked(), face.ID)
		}
	}
	c.rec.Outputs["enableIpv4"], c.rec.Outputs["managementType"] = true, "MANAGED_BY_USER"
	c.rec.Outputs["bfd"] = map[string]any{"sessionInitializationMode": "DISABLED", "minReceiveInterval": 1000.0,
		"minTransmitInterval": 1000.0, "multiplier": 5.0}
	c.queueUp(c.target("router", routerType).key)
	return nil
}

// checkPeerASN refuses a peer on a router without BGP, and one with the router's own number.
func (c *call) checkPeerASN() error {
	router := c.target("router", routerType)
	switch asn := num(obj(router.get("bgp"))["asn"]); asn {
	case 0:
		return refused("googleapi: Error 400: Router '%s' has no BGP configuration, invalid", router.ID)
	case c.rec.num("peerAsn"):
		return refused("googleapi: Error 400: Invalid value for field 'resource.bgpPeers.peerAsn': '%d'. It is the ASN of '%s' itself, invalid", asn, router.ID)
	}
	return nil
}

// queue holds back what a run does to one thing while something else is under way there. It lives as long as a provider's
// configuration: one run.
type queue struct {
	free  map[key]time.Time // when a thing is free again, with a pace
	ahead map[key]float64   // the model seconds that a run has given it to do; without a pace all is asked at once
}

func newQueue() *queue { return &queue{free: map[key]time.Time{}, ahead: map[key]float64{}} }

// wait tells how many model seconds pass before a thing is free, and occupies it from then on.
func (q *queue) wait(k key, seconds float64, now time.Time, pace float64) float64 {
	if pace == 0 {
		before := q.ahead[k]
		q.ahead[k] += seconds
		return before
	}
	real := func(model float64) time.Duration { return time.Duration(model / pace * float64(time.Second)) }
	from := now
	if q.free[k].After(now) {
		from = q.free[k]
	}
	q.free[k] = from.Add(real(seconds))
	return from.Sub(now).Seconds() * pace
}

// queueUp adds to an operation's time the wait for a thing that does one at a time, as a router does with its peers.
func (c *call) queueUp(k key) {
	op := "update" // and a delete takes as long
	if c.old == nil {
		op = "create"
	}
	if c.queue != nil {
		c.extra += c.queue.wait(k, duration(c.kind, op, &record{}), c.now, c.cloud.options.Pace)
	}
}
