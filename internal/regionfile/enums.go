package regionfile

import (
	"reflect"
	"slices"
	"strings"
)

// enum is a string type with a closed list of values. Values is the one place that lists them: the decoder, the
// schema and the reference page all read it.
type enum interface{ Values() []string }

var enumType = reflect.TypeFor[enum]()

// Values lists the postures.
func (Posture) Values() []string { return names(Active, Standby, Draining) }

// Values lists the egress modes.
func (Egress) Values() []string {
	return names(NATGatewayPerZone, NATGateway, NATInstance, Public, None)
}

// Values lists the architectures.
func (Arch) Values() []string { return names(ARM64, AMD64) }

// Values lists the images.
func (Image) Values() []string { return names(Debian12) }

// Values lists the CI systems.
func (AgentKind) Values() []string { return names(JobServ, GitHub, GitLab, Buildkite, Command) }

// Values lists the links.
func (Link) Values() []string { return names(HAVPN, NoLink) }

// Values lists the paths.
func (Path) Values() []string { return names(PrivatePath, PublicPath) }

// Values lists the ways to Google APIs.
func (GoogleAPIs) Values() []string { return names(PrivateAPIs, RestrictedAPIs, PublicAPIs) }

func names[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// allowed says whether a value of an enum type is in its list.
func allowed(e enum, value string) bool { return slices.Contains(e.Values(), value) }

// either joins alternatives as a sentence does: a, b or c.
func either(values []string) string { return sentence(values, " or ") }

// both joins names as a sentence does: a, b and c.
func both(values []string) string { return sentence(values, " and ") }

func sentence(values []string, word string) string {
	if len(values) < 2 {
		return strings.Join(values, "")
	}
	last := len(values) - 1
	return strings.Join(values[:last], ", ") + word + values[last]
}
