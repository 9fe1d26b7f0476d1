package cache

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
)

// routingTable is the number of the routing table for packets with the shard's address as their source.
const routingTable = "2049"

// unmanagedFile keeps the image's own network configuration off the interface. With it, a second default route could
// send packets of the machine's first address out of the shard's interface, where AWS drops them. The name sorts it
// before the file of netplan.
const unmanagedFile = "/etc/systemd/network/05-beachhead.network"

const networkd = "systemd-networkd.service"

// prepareInterface attaches the interface with the address that runners mount from, and brings it up. It comes last,
// when everything behind the address serves.
func (r *Role) prepareInterface(ctx context.Context, me string) error {
	n, err := r.cloud.FindNetworkInterface(ctx, r.resourceTags(r.cache.Interface))
	if err != nil && n.MAC == "" {
		return err
	}
	if n.AttachedTo != me {
		if err := r.excludeFromNetworkd(ctx, n.MAC); err != nil {
			return err
		}
	}
	if err := r.claimResource(ctx, me, r.interfaceResource()); err != nil {
		return err
	}
	// Query again: AWS reports the subnet's range only for an interface that is attached to this machine.
	if n, err = r.cloud.FindNetworkInterface(ctx, r.resourceTags(r.cache.Interface)); err != nil {
		return err
	}
	if !n.SubnetPrefix.IsValid() {
		return fmt.Errorf("the instance metadata do not list the subnet's range of %s yet; the agent retries", n.ID)
	}
	link, err := r.waitLink(ctx, n)
	if err != nil {
		return err
	}
	if err := r.configureLink(ctx, link, n.Address, n.SubnetPrefix); err != nil {
		return err
	}
	return checkNFS(ctx, r.nfsEndpoint(n.Address))
}

// excludeFromNetworkd makes systemd-networkd ignore the interface, before the interface is attached.
func (r *Role) excludeFromNetworkd(ctx context.Context, mac string) error {
	text := "# Written by beachhead-node, which configures this interface itself.\n[Match]\nMACAddress=" + mac + "\n\n[Link]\nUnmanaged=yes\n"
	if _, err := r.host.WriteFile(unmanagedFile, 0o644, text); err != nil {
		return err
	}
	if _, err := r.host.Run(ctx, "systemctl", "is-active", "--quiet", networkd); err != nil {
		// systemd-networkd does not run, so it needs no reload.
		return ctx.Err()
	}
	_, err := r.host.Run(ctx, "networkctl", "reload")
	if err != nil && ctx.Err() == nil {
		// networkctl uses D-Bus, which small images lack.
		_, err = r.host.Run(ctx, "systemctl", "restart", networkd)
	}
	return err
}

// findLink returns the name of an interface in Linux, such as ens6; "" when it does not exist.
func findLink(h host.Host, mac string) (string, error) {
	files, err := filepath.Glob(h.Path("/sys/class/net/*/address"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		// An interface that disappears meanwhile is not ours.
		if text, err := os.ReadFile(file); err == nil && strings.EqualFold(strings.TrimSpace(string(text)), mac) {
			return filepath.Base(filepath.Dir(file)), nil
		}
	}
	return "", nil
}

func (r *Role) waitLink(ctx context.Context, n aws.NetworkInterface) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, deviceWait)
	defer cancel()
	for {
		link, err := findLink(r.host, n.MAC)
		if link != "" || err != nil {
			return link, err
		}
		if err := host.Sleep(ctx, time.Second); err != nil {
			return "", fmt.Errorf("EC2 reports that %s is attached, but no link has its MAC address %s: %w; check `ip link`; "+
				"if the link does not appear, terminate this machine (its group replaces it)", n.ID, n.MAC, err)
		}
	}
}

// configureLink assigns the address to the interface, and makes answers leave by it: AWS drops packets with the address
// that leave by another interface. The machine's first interface is in the same subnet. The address is therefore added
// without a route, and only packets with the address as their source use the routing table of the shard.
func (r *Role) configureLink(ctx context.Context, link string, address netip.Addr, subnet netip.Prefix) error {
	own := netip.PrefixFrom(address, subnet.Bits()).String()
	gateway := subnet.Masked().Addr().Next().String() // AWS's router has the first host address of a subnet
	// Each interface answers ARP for its own addresses only, so that the neighbours learn the MAC address that moves
	// with the address. arp_notify announces it to them when the interface comes up.
	for key, value := range map[string]int{"all/arp_ignore": 1, "all/arp_announce": 2, link + "/arp_notify": 1} {
		if err := os.WriteFile(r.host.Path("/proc/sys/net/ipv4/conf/"+key), []byte(strconv.Itoa(value)+"\n"), 0o644); err != nil {
			return err
		}
	}
	if err := r.addSourceRule(ctx, address); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"address", "replace", own, "dev", link, "noprefixroute"},
		{"link", "set", "dev", link, "up"},
		{"route", "replace", subnet.Masked().String(), "dev", link, "scope", "link", "src", address.String(), "table", routingTable},
		{"route", "replace", "default", "via", gateway, "dev", link, "src", address.String(), "table", routingTable},
	} {
		if _, err := r.host.Run(ctx, "ip", args...); err != nil {
			return err
		}
	}
	return nil
}

// addSourceRule makes packets from the address use the routing table. It checks first, because ip would add the rule
// again each time.
func (r *Role) addSourceRule(ctx context.Context, address netip.Addr) error {
	rules, err := r.host.Run(ctx, "ip", "rule", "show")
	if err != nil || strings.Contains(rules, "from "+address.String()+" lookup "+routingTable) {
		return err
	}
	_, err = r.host.Run(ctx, "ip", "rule", "add", "from", address.String(), "lookup", routingTable)
	return err
}

// bringLinkDown takes the interface down, so that clients receive no answer, wait, and continue with the next server.
func (r *Role) bringLinkDown(ctx context.Context) error {
	n, err := r.cloud.FindNetworkInterface(ctx, r.resourceTags(r.cache.Interface))
	if n.MAC == "" {
		return err
	}
	link, err := findLink(r.host, n.MAC)
	if err != nil || link == "" {
		return err
	}
	_, err = r.host.Run(ctx, "ip", "link", "set", "dev", link, "down")
	return err
}
