package runner

import (
	"context"
	"strings"
)

// kernelSetting is one sysctl setting, with the reason for its value.
type kernelSetting struct{ key, value, reason string }

// kernelSettings are for connections across a NAT gateway or a tunnel. In April 2022 calls of connect hung for minutes,
// and it took an outage of 13 hours to understand this; in July the same machines came up elsewhere with the kernel's
// defaults again.
var kernelSettings = []kernelSetting{
	{"net.ipv4.tcp_syn_retries", "3", "A connect with no answer fails after 15 s (1+2+4+8), not after 127 s: a job then fails with a reason."},
	{"net.ipv4.tcp_retries2", "8", "A connection whose path fails ends after about 100 s, the minimum of RFC 1122, not after 15 minutes."},
	{"net.ipv4.tcp_mtu_probing", "1", "Where full-size packets and their ICMP messages get lost, as in tunnels, TCP finds a size that works."},
	{"net.ipv4.tcp_base_mss", "1024", "The size at which that search starts; every tunnel carries it."},
	{"net.ipv4.tcp_keepalive_time", "120", "A NAT gateway silently forgets a connection after 350 s without packets; a probe comes earlier."},
	{"net.ipv4.tcp_keepalive_intvl", "30", "The kernel repeats lost probes in time: it sends the last one after 270 s."},
	{"net.ipv4.tcp_keepalive_probes", "5", "After 5 lost probes the connection ends. All three apply only to programs that enable keepalive."},
}

// The kernel reads sysctlFile at boot too.
const sysctlFile = "/etc/sysctl.d/60-beachhead.conf"

// applyKernelSettings writes the sysctl file and loads it.
func (r *Role) applyKernelSettings(ctx context.Context) error {
	lines := []string{"# Written by beachhead-node."}
	for _, s := range kernelSettings {
		lines = append(lines, "", "# "+s.reason, s.key+" = "+s.value)
	}
	if _, err := r.host.WriteFile(sysctlFile, 0o644, strings.Join(lines, "\n")+"\n"); err != nil {
		return err
	}
	_, err := r.host.Run(ctx, "sysctl", "--quiet", "--load="+r.host.Path(sysctlFile))
	return err
}

// metadataRules restrict the machine's metadata, and with them its role, to root. A job that reads them could read the
// registration token and act as the machine. A hop limit of 1 already stops containers with a network of their own, but
// not processes of the machine itself. The rules do not stop a container to which root gives the machine's own network,
// because that container equals root. We do not use the method of JobServ's worker, an unreachable route, because it
// also stops the agent.
const metadataRules = `table inet beachhead_metadata
delete table inet beachhead_metadata
table inet beachhead_metadata {
	chain output {
		type filter hook output priority filter; policy accept;
		ip daddr 169.254.169.254 meta skuid != 0 reject
		ip6 daddr fd00:ec2::254 meta skuid != 0 reject
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		ip daddr 169.254.169.254 reject
		ip6 daddr fd00:ec2::254 reject
	}
}
`

// blockMetadata loads the rules, all or none, and replaces the rules of an earlier run.
func (r *Role) blockMetadata(ctx context.Context) error {
	const file = "/etc/beachhead/metadata.nft"
	if _, err := r.host.WriteFile(file, 0o644, metadataRules); err != nil {
		return err
	}
	_, err := r.host.Run(ctx, "nft", "--file", r.host.Path(file))
	return err
}
