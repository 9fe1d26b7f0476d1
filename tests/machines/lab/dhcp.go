//go:build machines

package lab

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// DHCP, RFC 2131 and 2132.
const (
	bootRequest, bootReply = 1, 2
	optionMask             = 1
	optionRouter           = 3
	optionResolver         = 6
	optionMTU              = 26
	optionLease            = 51
	optionKind             = 53
	optionServer           = 54
	optionEnd              = 255

	discover, offer, request, acknowledge = 1, 2, 3, 5
)

var cookie = []byte{99, 130, 83, 99}

// answerDHCP returns the answer to a packet, or nil if the packet is not a request for an address.
func answerDHCP(c *card, resolver netip.Addr, packet []byte) []byte {
	ip := header.IPv4(packet)
	if !ip.IsValid(len(packet)) || ip.TransportProtocol() != header.UDPProtocolNumber {
		return nil
	}
	udp := header.UDP(ip.Payload())
	if len(udp) < header.UDPMinimumSize || udp.DestinationPort() != 67 {
		return nil
	}
	question := udp[header.UDPMinimumSize:]
	if len(question) < 240 || question[0] != bootRequest || !bytes.Equal(question[236:240], cookie) {
		return nil
	}
	kind := map[byte]byte{discover: offer, request: acknowledge}[findOption(question[240:], optionKind)]
	if kind == 0 {
		return nil
	}
	return encodeDatagram(encodeLease(c, resolver, question, kind), c.subnet.Masked().Addr().Next())
}

func findOption(options []byte, want byte) byte {
	for len(options) > 2 && options[0] != optionEnd {
		if options[0] == 0 {
			options = options[1:]
			continue
		}
		size := 2 + int(options[1])
		if size > len(options) {
			return 0
		}
		if options[0] == want {
			return options[2]
		}
		options = options[size:]
	}
	return 0
}

func encodeLease(c *card, resolver netip.Addr, question []byte, kind byte) []byte {
	answer := make([]byte, 240)
	copy(answer, question[:44])
	gateway := c.subnet.Masked().Addr().Next().As4()
	address, names := c.address.As4(), resolver.As4()
	answer[0], answer[3] = bootReply, 0
	copy(answer[16:20], address[:])
	copy(answer[20:24], gateway[:])
	copy(answer[236:], cookie)
	add := func(code byte, value ...byte) { answer = append(append(answer, code, byte(len(value))), value...) }
	add(optionKind, kind)
	add(optionServer, gateway[:]...)
	add(optionLease, binary.BigEndian.AppendUint32(nil, 3600)...)
	add(optionMask, net.CIDRMask(c.subnet.Bits(), 32)...)
	add(optionRouter, gateway[:]...)
	add(optionResolver, names[:]...)
	add(optionMTU, binary.BigEndian.AppendUint16(nil, 1500)...)
	return append(answer, optionEnd)
}

// encodeDatagram returns the broadcast packet that carries an answer of a DHCP server.
func encodeDatagram(payload []byte, from netip.Addr) []byte {
	size := header.IPv4MinimumSize + header.UDPMinimumSize + len(payload)
	packet := make([]byte, size)
	source, everybody := tcpip.AddrFrom4(from.As4()), tcpip.AddrFrom4([4]byte{255, 255, 255, 255})
	ip := header.IPv4(packet)
	ip.Encode(&header.IPv4Fields{TotalLength: uint16(size), TTL: 64, Protocol: uint8(header.UDPProtocolNumber), SrcAddr: source,
		DstAddr: everybody})
	ip.SetChecksum(^ip.CalculateChecksum())
	udp := header.UDP(ip.Payload())
	udp.Encode(&header.UDPFields{SrcPort: 67, DstPort: 68, Length: uint16(header.UDPMinimumSize + len(payload))})
	copy(udp.Payload(), payload)
	pseudo := header.PseudoHeaderChecksum(header.UDPProtocolNumber, source, everybody, udp.Length())
	udp.SetChecksum(^udp.CalculateChecksum(checksum.Checksum(payload, pseudo)))
	return packet
}
