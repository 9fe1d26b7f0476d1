//go:build machines

package lab

import (
	"encoding/binary"
	"net"
	"time"
)

// serveTime answers NTP (RFC 5905) with this machine's clock.
func serveTime(conn net.PacketConn) {
	packet := make([]byte, 512)
	for {
		size, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		if size < 48 {
			continue
		}
		now := ntpTimestamp(time.Now())
		answer := make([]byte, 48)
		answer[0], answer[1], answer[2], answer[3] = 4<<3|4, 3, packet[2], 0xec // version 4, server, stratum 3, a microsecond
		copy(answer[12:16], "LAB ")
		copy(answer[24:32], packet[40:48])
		for _, at := range []int{16, 32, 40} {
			binary.BigEndian.PutUint64(answer[at:], now)
		}
		_, _ = conn.WriteTo(answer, from)
	}
}

// ntpTimestamp returns a time in NTP's form: seconds since 1900 and their fraction.
func ntpTimestamp(t time.Time) uint64 {
	return uint64(t.Unix()+2_208_988_800)<<32 | uint64(t.Nanosecond())<<32/1_000_000_000
}
