//go:build machines

package lab

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// mac is a hardware address.
type mac [6]byte

func (m mac) String() string { return net.HardwareAddr(m[:]).String() }

// router is the hardware address of the implicit router of every subnet.
var router = mac{0x02, 0xbe, 0xac, 0, 0, 1}

// maximum is the longest frame that a machine may send. virtio could send 64 KiB for segmentation, which the lab does not offer.
const maximum = 1 << 16

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
)

// card is a network interface as the network sees it, with or without a machine.
type card struct {
	mac     mac
	address netip.Addr
	subnet  netip.Prefix
	// checked allows only packets from and to the card's own address, as EC2's source and destination check does.
	checked bool
	// cut drops everything, as a broken cable does.
	cut bool
	// to is nil while no machine has the card.
	to io.Writer
}

// fabric is a VPC's network. As in a VPC, the network itself answers ARP and never floods a frame. The implicit router forwards packets by
// their destination and by the sender's subnet.
type fabric struct {
	mutex sync.Mutex
	cards map[mac]*card
	// outside receives the IP packets to the internet and to AWS.
	outside func(packet []byte)
	// direct are addresses that every subnet reaches without its default route: the resolver, the clock, the metadata, gateway endpoints.
	direct map[netip.Addr]bool
	// routes are the machines that forward a subnet's traffic to the outside. Subnets without an entry have an internet gateway.
	routes map[netip.Prefix]mac
	// resolver is the address that machines receive by DHCP beside their own.
	resolver netip.Addr
}

// addCard adds an interface.
func (f *fabric) addCard(c *card) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.cards[c.mac] = c
}

// serveMachine moves frames between the network and a machine until the connection ends. Each frame follows its length, as in QEMU's
// stream network.
func (f *fabric) serveMachine(c *card, machine net.Conn) {
	f.mutex.Lock()
	c.to = machine
	f.mutex.Unlock()
	defer func() {
		f.mutex.Lock()
		if c.to == machine {
			c.to = nil
		}
		f.mutex.Unlock()
		_ = machine.Close()
	}()
	var size [4]byte
	for {
		if _, err := io.ReadFull(machine, size[:]); err != nil {
			return
		}
		length := binary.BigEndian.Uint32(size[:])
		if length > maximum {
			return
		}
		frame := make([]byte, length)
		if _, err := io.ReadFull(machine, frame); err != nil {
			return
		}
		f.handleFrame(c, frame)
	}
}

// handleFrame handles a frame that a machine sent.
func (f *fabric) handleFrame(from *card, frame []byte) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(frame) < 14 || from.cut || mac(frame[6:12]) != from.mac {
		return
	}
	payload := frame[14:]
	switch binary.BigEndian.Uint16(frame[12:14]) {
	case etherARP:
		f.answerARP(from, payload)
	case etherIPv4:
		if len(payload) < 20 {
			return
		}
		if lease := answerDHCP(from, f.resolver, payload); lease != nil {
			f.writeFrame(from, router, etherIPv4, lease)
			return
		}
		source := netip.AddrFrom4([4]byte(payload[12:16]))
		if !from.checked || source == from.address {
			f.forwardPacket(from, payload)
		}
	}
}

// forwardPacket sends a packet to its destination. The caller holds the mutex.
func (f *fabric) forwardPacket(from *card, packet []byte) {
	target := netip.AddrFrom4([4]byte(packet[16:20]))
	if to := f.cardAt(target); to != nil {
		f.writeFrame(to, senderMAC(from, to), etherIPv4, packet)
		return
	}
	way, carried := f.routes[from.subnet]
	if !carried || f.direct[target] {
		f.outside(packet)
		return
	}
	if to := f.cards[way]; to != nil && !to.checked {
		f.writeFrame(to, router, etherIPv4, packet)
	}
}

// senderMAC returns the hardware address of a frame's sender: the other machine within a subnet, and the router between subnets.
func senderMAC(from, to *card) mac {
	if from.subnet == to.subnet {
		return from.mac
	}
	return router
}

// deliverFromOutside delivers a packet from outside to a machine.
func (f *fabric) deliverFromOutside(packet []byte) {
	if len(packet) < 20 {
		return
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if to := f.cardAt(netip.AddrFrom4([4]byte(packet[16:20]))); to != nil {
		f.writeFrame(to, router, etherIPv4, packet)
	}
}

func (f *fabric) cardAt(address netip.Addr) *card {
	for _, c := range f.cards {
		if c.address == address {
			return c
		}
	}
	return nil
}

// writeFrame writes a frame to a machine. A machine that does not read it within a second loses it, so that a stopped machine stops no
// other.
func (f *fabric) writeFrame(to *card, from mac, kind uint16, payload []byte) {
	if to.to == nil || to.cut {
		return
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(14+len(payload)))
	frame = append(append(frame, to.mac[:]...), from[:]...)
	frame = append(binary.BigEndian.AppendUint16(frame, kind), payload...)
	if conn, ok := to.to.(net.Conn); ok {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
	if _, err := to.to.Write(frame); err != nil {
		to.to = nil // half a frame may be out: nothing after it would make sense
	}
}

// answerARP answers a request for a hardware address, for the machines of the subnet and for the addresses that AWS reserves in each
// subnet.
func (f *fabric) answerARP(from *card, question []byte) {
	if len(question) < 28 || binary.BigEndian.Uint16(question[6:8]) != 1 {
		return
	}
	target := netip.AddrFrom4([4]byte(question[24:28]))
	var owner mac
	switch to := f.cardAt(target); {
	case to != nil && to != from && to.subnet == from.subnet:
		owner = to.mac
	case to == nil && (target.IsLinkLocalUnicast() || isReserved(from.subnet, target)):
		owner = router
	default:
		return
	}
	answer := append([]byte{}, question[:28]...)
	binary.BigEndian.PutUint16(answer[6:8], 2)
	copy(answer[8:14], owner[:])
	copy(answer[14:18], question[24:28])
	copy(answer[18:28], question[8:18])
	f.writeFrame(from, owner, etherARP, answer)
}

// isReserved reports whether an address is one of the three after a subnet's first, which AWS reserves: router, resolver, future use.
func isReserved(subnet netip.Prefix, address netip.Addr) bool {
	one := subnet.Masked().Addr()
	for range 3 {
		if one = one.Next(); one == address {
			return true
		}
	}
	return false
}

// newMAC derives a hardware address from an interface's id.
func newMAC(id string) mac {
	raw, err := hex.DecodeString(id[len(id)-10:])
	if err != nil {
		panic("an interface's id ends in hexadecimal: " + id)
	}
	return mac(append([]byte{0x02}, raw...))
}
