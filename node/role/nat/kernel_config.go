package nat

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// tableName is the nftables table of the agent. The agent changes no other table.
const tableName = "beachhead_nat"

// Sizes of the connection table. An entry takes about 320 bytes. One eighth of the memory is 800,000 connections on a
// machine of 2 GiB, where the kernel's own limit is 65,536. Source of both: nf_conntrack_init_start in the kernel's
// net/netfilter/nf_conntrack_core.c, and /proc/slabinfo.
const (
	entryBytes  = 320
	memoryShare = 8
	// minEntries is the kernel's own limit for a machine with 1 GiB or more. maxEntries is more than one machine
	// carries.
	minEntries = 65536
	maxEntries = 1 << 22
	// entriesPerBucket is the number of entries in a bucket of 8 bytes when the table is full, as in the kernel before
	// 5.15.
	entriesPerBucket = 4
)

// renderSysctl returns the sysctl file for a machine with memory bytes and a network device.
func renderSysctl(memory int, device string) string {
	limit := min(max(memory/memoryShare/entryBytes, minEntries), maxEntries)
	return fmt.Sprintf(`# Written by beachhead-node at each of its starts.

# A NAT instance is a router.
net.ipv4.ip_forward = 1

# Forwarded packets leave by the interface by which they came. Otherwise the kernel tells the senders to send to the next hop directly.
net.ipv4.conf.all.send_redirects = 0
net.ipv4.conf.%s.send_redirects = 0

# One eighth of the memory for the connection table. When it is full, the kernel drops new connections without an answer: see the metric
# ConntrackPercent. The kernel's own limit is 65,536 on a machine of less than 4 GiB.
net.netfilter.nf_conntrack_max = %d
net.netfilter.nf_conntrack_buckets = %d

# Unchanged: net.netfilter.nf_conntrack_tcp_timeout_established is 5 days; a NAT gateway forgets an idle connection after 350 seconds.
# Unchanged: net.ipv4.ip_local_port_range limits only the machine's own connections. Masquerading uses the ports 1024 to 65535 for each
# address and port outside, whatever the setting is.
`, device, limit, limit/entriesPerBucket)
}

// renderRules returns the ruleset, which nft loads completely or not at all. The first line creates the table, so that
// the second line works on a machine that has none yet. Existing connections keep their address and port, which the
// kernel stores with them.
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
	# The network interface carries packets of 9,001 bytes and the internet path 1,500. Where the ICMP messages about this are lost,
	# connections stall after their first small packets. A segment size that fits needs no messages.
	chain forward {
		type filter hook forward priority mangle; policy accept;
		tcp flags syn / syn,rst tcp option maxseg size set rt mtu
	}
}
`, tableName, strings.Join(ranges, ", "), device)
}

// parseDefaultDevice parses /proc/net/route and returns the network device of the default route with the lowest metric.
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
		return "", errors.New("the machine has no default route; check `ip route` and the DHCP options of the VPC")
	}
	return best, nil
}

// parseMemory parses /proc/meminfo and returns the memory in bytes.
func parseMemory(info string) (int, error) {
	for line := range strings.Lines(info) {
		var kib int
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("/proc/meminfo has no MemTotal; check that /proc is mounted")
}
