package nat

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// tableName is the nftables table that is the agent's own; it touches no other.
const tableName = "beachhead_nat"

// Connection tracking: an entry takes some 320 bytes. An eighth of the memory for it is 800,000 connections on a machine of 2 GiB, where the kernel's own
// limit is 65,536. Source of both: nf_conntrack_init_start in the kernel's net/netfilter/nf_conntrack_core.c, and /proc/slabinfo.
const (
	entryBytes  = 320
	memoryShare = 8
	// minEntries is the kernel's own limit for a machine of 1 GiB and more, and most is more than one machine carries.
	minEntries = 65536
	maxEntries = 1 << 22
	// entriesPerBucket is how many entries a bucket of 8 bytes has when the table is full, as in the kernel before 5.15.
	entriesPerBucket = 4
)

// renderSysctl is the sysctl file, for so many bytes of memory.
func renderSysctl(memory int, device string) string {
	limit := min(max(memory/memoryShare/entryBytes, minEntries), maxEntries)
	return fmt.Sprintf(`# Written by beachhead-node at each of its starts.

# A NAT instance is a router.
net.ipv4.ip_forward = 1

# What it forwards leaves by the interface that it came in by. Without this the kernel tells the senders to go there directly.
net.ipv4.conf.all.send_redirects = 0
net.ipv4.conf.%s.send_redirects = 0

# One eighth of the memory for the table of connections. When it is full, new connections are dropped without an answer: look at the metric
# ConntrackPercent. The kernel's own limit is 65,536 on a machine of less than 4 GiB.
net.netfilter.nf_conntrack_max = %d
net.netfilter.nf_conntrack_buckets = %d

# Left alone: net.netfilter.nf_conntrack_tcp_timeout_established is 5 days, where a NAT gateway forgets an idle connection after 350 seconds.
# Left alone: net.ipv4.ip_local_port_range is about connections of the machine's own. Masquerading has the ports 1024 to 65535 for each
# address and port outside, whatever that says.
`, device, limit, limit/entriesPerBucket)
}

// renderRules is what nft loads, at once or not at all. The first line makes the second work on a machine that has no such table yet. Connections that
// are there keep their address and port, which the kernel remembers with them.
func renderRules(sources []netip.Prefix, device string) string {
	ranges := make([]string, len(sources))
	for i, source := range sources {
		ranges[i] = source.Masked().String()
	}
	return fmt.Sprintf(`table ip %[1]s
delete table ip %[1]s
table ip %[1]s {
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr { %[2]s } oifname "%[3]s" masquerade
	}
	# The interface takes 9,001 bytes and the way outside 1,500. Where the messages that say so are lost on the way, connections stall after
	# their first small packets; a segment size that fits needs no messages.
	chain forward {
		type filter hook forward priority mangle; policy accept;
		tcp flags syn / syn,rst tcp option maxseg size set rt mtu
	}
}
`, tableName, strings.Join(ranges, ", "), device)
}

// parseDefaultDevice reads /proc/net/route: the interface of the default route with the lowest metric.
func parseDefaultDevice(routes string) (string, error) {
	const device, destination, metric, mask, columns = 0, 1, 6, 7, 8
	best, lowest := "", 0
	for line := range strings.Lines(routes) {
		fields := strings.Fields(line)
		if len(fields) < columns || fields[destination] != "00000000" || fields[mask] != "00000000" {
			continue
		}
		if m, err := strconv.Atoi(fields[metric]); err == nil && (best == "" || m < lowest) {
			best, lowest = fields[device], m
		}
	}
	if best == "" {
		return "", errors.New("the machine has no default route; look at ip route and at the subnet's DHCP")
	}
	return best, nil
}

// parseMemory reads /proc/meminfo and gives bytes.
func parseMemory(info string) (int, error) {
	for line := range strings.Lines(info) {
		var kib int
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("/proc/meminfo has no MemTotal; see whether /proc is mounted")
}
