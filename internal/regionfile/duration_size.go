package regionfile

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// UnmarshalText reads a duration in Go's form: 10m, 1h30m.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("reading a duration: %w", err)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the duration without zero units: 10m and not 10m0s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String returns the duration without zero units: 10m and not 10m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// Units of Size. The base is GiB, because EBS counts volumes in whole GiB.
const (
	GiB Size = 1
	TiB Size = 1024 * GiB
)

var sizePattern = regexp.MustCompile(`^([0-9]{1,9})(GiB|TiB)$`)

var errNotASize = errors.New("not a size; want a whole number with GiB or TiB, for example 200GiB")

// UnmarshalText reads a size such as 200GiB or 2TiB. It refuses GB and TB: volumes use powers of two, and nobody would notice
// the seven percent between GB and GiB.
func (s *Size) UnmarshalText(text []byte) error {
	m := sizePattern.FindSubmatch(text)
	if m == nil {
		return errNotASize
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return fmt.Errorf("reading a size: %w", err)
	}
	*s = Size(n)
	if string(m[2]) == "TiB" {
		*s *= TiB
	}
	return nil
}

// MarshalText writes the size in TiB if it is a whole number of TiB, otherwise in GiB.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the size in TiB if it is a whole number of TiB, otherwise in GiB.
func (s Size) String() string {
	if s != 0 && s%TiB == 0 {
		return strconv.FormatInt(int64(s/TiB), 10) + "TiB"
	}
	return strconv.FormatInt(int64(s), 10) + "GiB"
}

// GiB returns the size as a number of GiB, as EBS counts it.
func (s Size) GiB() int {
	return int(min(int64(s), math.MaxInt32))
}
