//go:build machines

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// outside is a TCP/IP stack in this process with the addresses of everything that machines reach and that is not a machine. The host's own
// stack would need root, and could have only one 169.254.169.254.
type outside struct {
	stack *stack.Stack
	link  *channel.Endpoint
	stop  context.CancelFunc
}

const nic = 1

// newOutside creates a stack that passes its packets to send.
func newOutside(send func(packet []byte)) (*outside, error) {
	o := &outside{
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
		}),
		link: channel.New(4096, 1500, ""),
	}
	if err := o.stack.CreateNIC(nic, o.link); err != nil {
		return nil, fmt.Errorf("the outside's interface: %s", err)
	}
	o.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	go func() {
		for packet := o.link.ReadContext(ctx); packet != nil; packet = o.link.ReadContext(ctx) {
			view := packet.ToView()
			packet.DecRef()
			send(view.AsSlice())
			view.Release()
		}
	}()
	return o, nil
}

func (o *outside) close() {
	o.stop()
	o.stack.Close()
}

// injectPacket passes a packet to the stack.
func (o *outside) injectPacket(packet []byte) {
	p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
	defer p.DecRef()
	o.link.InjectInbound(header.IPv4ProtocolNumber, p)
}

// addAddress adds an address to the stack. Packets to any other address get no answer, as in the internet: a connection hangs.
func (o *outside) addAddress(address netip.Addr) error {
	at := tcpip.AddrFrom4(address.As4())
	for _, known := range o.stack.AllAddresses()[nic] {
		if known.AddressWithPrefix.Address == at {
			return nil
		}
	}
	all := tcpip.ProtocolAddress{Protocol: header.IPv4ProtocolNumber, AddressWithPrefix: at.WithPrefix()}
	if err := o.stack.AddProtocolAddress(nic, all, stack.AddressProperties{}); err != nil {
		return fmt.Errorf("the outside's address %s: %s", address, err)
	}
	return nil
}

// listenTCP accepts connections. Their remote address is the machine's, or that of the NAT instance before it.
func (o *outside) listenTCP(at netip.AddrPort) (net.Listener, error) {
	if err := o.addAddress(at.Addr()); err != nil {
		return nil, err
	}
	return gonet.ListenTCP(o.stack, fullAddress(at), header.IPv4ProtocolNumber)
}

// listenUDP receives datagrams.
func (o *outside) listenUDP(at netip.AddrPort) (net.PacketConn, error) {
	if err := o.addAddress(at.Addr()); err != nil {
		return nil, err
	}
	local := fullAddress(at)
	return gonet.DialUDP(o.stack, &local, nil, header.IPv4ProtocolNumber)
}

func fullAddress(at netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(at.Addr().As4()), Port: at.Port()}
}
