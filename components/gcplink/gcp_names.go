package gcplink

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// maxName is GCP's length limit of a name.
	maxName = 63
	// tailSize is the length of the hash at the end of a name that had to change.
	tailSize = 8
)

// nameInGCP returns the fixed name of one of the link's resources in GCP.
func (b *builder) nameInGCP(role string, key ...string) pulumi.String {
	return pulumi.String(joinName(append([]string{b.args.Names, role}, key...)...))
}

// joinName joins parts to a name that GCP accepts (RFC 1035: small letters, digits and hyphens, a letter first, at most 63). A name that
// had to be shortened or spelled differently ends with a hash of the whole, so that different parts never have the same name.
//
// The names are fixed, and the engine adds no random tails: routers, interfaces and firewall rules have no tags, so a computed name is
// the only way to find a resource that a killed run created and could not record in the state.
func joinName(parts ...string) string {
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
