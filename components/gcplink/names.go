package gcplink

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	maxName  = 63
	tailSize = 8
)

// gcpName joins parts to a name that GCP takes (RFC 1035: small letters, digits and hyphens, a letter first, at most 63). What has to be
// shortened or spelled differently gets a tail of the whole's hash, so that different parts never end up with one name.
//
// Names are given and not left to the engine's random tails: with no tags on routers, interfaces and firewall rules, a name that can be
// computed is the only way to find again what a killed run made and could not record.
func gcpName(parts ...string) string {
	whole := strings.Join(parts, "-")
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(whole))
	if name = strings.Trim(name, "-"); name == "" || name[0] < 'a' {
		name = strings.TrimSuffix("x-"+name, "-")
	}
	if name == whole && len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(whole))
	tail := hex.EncodeToString(sum[:])[:tailSize]
	return strings.TrimRight(name[:min(len(name), maxName-tailSize-1)], "-") + "-" + tail
}
