package runner

import (
	"context"
	"strings"
)

// kernelSetting is one of the kernel's, with the reason for its value.
type kernelSetting struct{ key, value, reason string }

// kernelSettings are what connections need that cross a NAT gateway or a tunnel. In April 2022 calls of connect hung for minutes and took an outage of 13
// hours to be understood; in July the same machines came up elsewhere with the kernel's defaults again.
var kernelSettings = []kernelSetting{
	{"net.ipv4.tcp_syn_retries", "3", "A connect that nobody answers fails after 15 s (1+2+4+8), not after 127: a job then fails with a reason."},
	{"net.ipv4.tcp_retries2", "8", "A connection whose path is gone fails after about 100 s, the least that RFC 1122 wants, not after 15 minutes."},
	{"net.ipv4.tcp_mtu_probing", "1", "Where packets of full size vanish and the ICMP about them too, as in tunnels, TCP finds a size that gets through."},
	{"net.ipv4.tcp_base_mss", "1024", "The size from which that search starts; every tunnel carries it."},
	{"net.ipv4.tcp_keepalive_time", "120", "A NAT gateway forgets a connection after 350 s of silence and says nothing; a probe comes before that."},
	{"net.ipv4.tcp_keepalive_intvl", "30", "Probes that are lost are repeated in time: the last is sent after 270 s."},
	{"net.ipv4.tcp_keepalive_probes", "5", "So many lost probes and the connection is taken for dead. All three count only for programs that ask for keepalive."},
}

// sysctlFile is read at boot too.
const sysctlFile = "/etc/sysctl.d/60-beachhead.conf"

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

// metadataRules keep the machine's metadata, and with them its role, for root. A job that reads them could read the registration token and act as
// the machine. A hop limit of 1 stops containers with a network of their own already; what it does not stop are processes of the machine itself. A
// container that root gives the machine's own network to is not stopped: that is root. The worker's own way, an unreachable route, was refused: it
// cuts the agent off too.
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

// blockMetadata loads the rules, all at once or none, over those of a run before.
func (r *Role) blockMetadata(ctx context.Context) error {
	const file = "/etc/beachhead/metadata.nft"
	if _, err := r.host.WriteFile(file, 0o644, metadataRules); err != nil {
		return err
	}
	_, err := r.host.Run(ctx, "nft", "--file", r.host.Path(file))
	return err
}
