//go:build machines

package lab

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// newGuest is a machine without QEMU: a TCP/IP stack that sends everything to the router of its subnet.
func newGuest(t *testing.T, f *fabric, c *card) *outside {
	t.Helper()
	here, there := net.Pipe()
	go f.serveMachine(c, there)
	g, err := newOutside(func(packet []byte) {
		frame := binary.BigEndian.AppendUint32(nil, uint32(14+len(packet)))
		frame = append(append(frame, router[:]...), c.mac[:]...)
		frame = append(binary.BigEndian.AppendUint16(frame, etherIPv4), packet...)
		_, _ = here.Write(frame)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close(); g.close() })
	if err := g.addAddress(c.address); err != nil {
		t.Fatal(err)
	}
	go func() {
		reader := bufio.NewReader(here)
		var size [4]byte
		for {
			if _, err := io.ReadFull(reader, size[:]); err != nil {
				return
			}
			frame := make([]byte, binary.BigEndian.Uint32(size[:]))
			if _, err := io.ReadFull(reader, frame); err != nil {
				return
			}
			g.injectPacket(frame[14:])
		}
	}()
	return g
}

func TestFabric(t *testing.T) {
	f := &fabric{cards: map[mac]*card{}, routes: map[netip.Prefix]mac{}, direct: map[netip.Addr]bool{metadataAddress: true}}
	o, err := newOutside(f.deliverFromOutside)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.close)
	f.outside = o.injectPacket
	subnet := netip.MustParsePrefix("10.42.0.0/20")
	c := &card{mac: newMAC("eni-0123456789abcdef0"), address: netip.MustParseAddr("10.42.0.100"), subnet: subnet, checked: true}
	f.addCard(c)
	g := newGuest(t, f, c)
	internet := netip.MustParseAddrPort("203.0.113.10:443")
	for _, at := range []netip.AddrPort{netip.AddrPortFrom(metadataAddress, 80), internet} {
		listener, err := o.listenTCP(at)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
				_, _ = io.WriteString(conn, conn.RemoteAddr().String())
				_ = conn.Close()
			}
		}()
		if got := readFrom(g, at, 2*time.Second); got == "" {
			t.Errorf("nothing from %s", at)
		}
	}
	f.routes[subnet] = newMAC("eni-0123456789abcdef1") // no machine has it
	if got := readFrom(g, internet, time.Second); got != "" {
		t.Errorf("through nobody: %q", got)
	}
	if got := readFrom(g, netip.AddrPortFrom(metadataAddress, 80), time.Second); got == "" {
		t.Error("the metadata are not direct")
	}
}

// readFrom gives what is said at an address; "" when nothing is within the limit.
func readFrom(g *outside, at netip.AddrPort, limit time.Duration) string {
	done := make(chan string, 1)
	go func() {
		conn, err := gonet.DialTCP(g.stack, tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(at.Addr().As4()), Port: at.Port()},
			header.IPv4ProtocolNumber)
		if err != nil {
			done <- ""
			return
		}
		defer func() { _ = conn.Close() }()
		text, _ := io.ReadAll(conn)
		done <- string(text)
	}()
	select {
	case text := <-done:
		return text
	case <-time.After(limit):
		return ""
	}
}
