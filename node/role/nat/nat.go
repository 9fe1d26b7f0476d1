// Package nat is the role of a NAT instance: it forwards the traffic of other machines to the internet under its own
// address. The launch template names the machine's first network interface, so the machine owns its address and its
// routes from the start and has no takeover.
package nat

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

// Files that the role writes and reads, and the intervals of its checks.
const (
	sysctlFile     = "/etc/sysctl.d/60-beachhead-nat.conf"
	ruleFile       = "/etc/beachhead/nat.nft"
	checkInterval  = time.Minute
	connectTimeout = 3 * time.Second
	forwardFile    = "/proc/sys/net/ipv4/ip_forward"
)

// Role is the role of a NAT instance.
type Role struct {
	host host.Host
	nat  spec.NAT
	// internetAddress is a host and port that only the internet gateway reaches.
	internetAddress string
}

// New returns the role of a machine whose description has a section nat. It makes no call to AWS.
func New(h host.Host, d spec.Description, _ *aws.Client) *Role {
	// We use STS because the region has its own and the stack has no endpoint for it. We do not use S3: its gateway
	// endpoint answers in every region that Beachhead creates, so a connection to it proves nothing about internet
	// access.
	return &Role{host: h, nat: *d.NAT, internetAddress: "sts." + d.Region + ".amazonaws.com:443"}
}

// Prepare configures the kernel to forward and to masquerade, and checks that it does and that internet access works.
// It repeats everything at every start of the machine; only the sysctl file would survive a reboot.
func (r *Role) Prepare(ctx context.Context) error {
	if err := r.host.InstallPackages(ctx, "nftables"); err != nil {
		return fmt.Errorf("installing nftables: %w; check that the machine's subnet reaches Debian's archive or network.aptMirror", err)
	}
	device, err := r.findDefaultDevice()
	if err != nil {
		return err
	}
	memory, err := r.readMemory()
	if err != nil {
		return err
	}
	// The kernel's settings exist once the module is loaded.
	if _, err := r.host.Run(ctx, "modprobe", "nf_conntrack"); err != nil {
		return fmt.Errorf("%w; the image's kernel lacks connection tracking: use a stock Debian image", err)
	}
	if _, err := r.host.WriteFile(sysctlFile, 0o644, renderSysctl(memory, device)); err != nil {
		return err
	}
	if _, err := r.host.Run(ctx, "sysctl", "--quiet", "--load="+r.host.Path(sysctlFile)); err != nil {
		return err
	}
	if _, err := r.host.WriteFile(ruleFile, 0o644, renderRules(r.nat.Sources, device)); err != nil {
		return err
	}
	if _, err := r.host.Run(ctx, "nft", "--file", r.host.Path(ruleFile)); err != nil {
		return err
	}
	return r.selfCheck(ctx)
}

// selfCheck returns an error unless the machine forwards and has internet access. Routes lead to the machine only after
// it passes.
func (r *Role) selfCheck(ctx context.Context) error {
	if err := r.checkForwarding(ctx); err != nil {
		return err
	}
	connection, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "tcp", r.internetAddress)
	if err != nil {
		return fmt.Errorf("no internet access: %w; check the Elastic IP address of the machine's network interface, the public subnet's route "+
			"to the "+
			"internet gateway, and the egress rules of the security group", err)
	}
	return connection.Close()
}

// checkForwarding returns an error unless the rules and the forwarding are as Prepare configured them.
func (r *Role) checkForwarding(ctx context.Context) error {
	if _, err := r.host.Run(ctx, "nft", "list", "chain", "ip", tableName, "postrouting"); err != nil {
		return fmt.Errorf("the NAT rules are missing: %w; the agent restarts and loads %s again; find what else on the machine changes "+
			"nftables", err, ruleFile)
	}
	on, err := r.readNumber(forwardFile)
	if err != nil {
		return err
	}
	if on != 1 {
		return fmt.Errorf("%s contains %d, want 1; the agent restarts and loads %s again; find what else on the machine sets it", forwardFile,
			on, sysctlFile)
	}
	return nil
}

// Serve checks every minute whether the kernel still forwards; the role has no other work. It does not check internet
// access, because nothing on the machine could fix it.
func (r *Role) Serve(ctx context.Context) error {
	for host.Sleep(ctx, checkInterval) == nil {
		if err := r.checkForwarding(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// Drain returns at once: connections live in the kernel and end with the machine, and the next machine starts without
// them.
func (r *Role) Drain(context.Context) error { return nil }

// CollectMetrics returns how full the connection table is. When it is full, the kernel drops new connections.
func (r *Role) CollectMetrics(context.Context) ([]aws.Metric, error) {
	count, err := r.readNumber("/proc/sys/net/netfilter/nf_conntrack_count")
	if err != nil {
		return nil, err
	}
	limit, err := r.readNumber("/proc/sys/net/netfilter/nf_conntrack_max")
	if err != nil {
		return nil, err
	}
	return []aws.Metric{{Name: "ConntrackPercent", Unit: "Percent", Value: 100 * float64(count) / float64(max(limit, 1))}}, nil
}

// readKernelFile returns the content of a file of the kernel.
func (r *Role) readKernelFile(file string) (string, error) {
	text, err := os.ReadFile(r.host.Path(file))
	if err != nil {
		return "", fmt.Errorf("%w; the kernel provides this file: check that the machine runs a stock Debian kernel", err)
	}
	return string(text), nil
}

// readNumber returns the number that a file of the kernel contains.
func (r *Role) readNumber(file string) (int, error) {
	text, err := r.readKernelFile(file)
	if err != nil {
		return 0, err
	}
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		return 0, fmt.Errorf("%s contains %q: %w; want a number; check that the machine runs a stock Debian kernel", file, text, err)
	}
	return n, nil
}

func (r *Role) findDefaultDevice() (string, error) {
	text, err := r.readKernelFile("/proc/net/route")
	if err != nil {
		return "", err
	}
	return parseDefaultDevice(text)
}

func (r *Role) readMemory() (int, error) {
	text, err := r.readKernelFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	return parseMemory(text)
}
