package regionfile

import (
	"reflect"
	"slices"
	"strings"
)

// enum is a string type with a closed list of values.
type enum interface {
	// Values returns the allowed values. The decoder, the schema and the reference page all read this list.
	Values() []string
	// typeNoun names the type in an error message: "nat" is not an egress mode.
	typeNoun() string
}

var enumType = reflect.TypeFor[enum]()

// Values returns the postures.
func (Posture) Values() []string { return toStrings(Active, Standby, Draining) }

// Values returns the egress modes.
func (Egress) Values() []string {
	return toStrings(NATGatewayPerZone, NATGateway, NATInstance, Public, None)
}

// Values returns the architectures.
func (Arch) Values() []string { return toStrings(ARM64, AMD64) }

// Values returns the images.
func (Image) Values() []string { return toStrings(Debian12) }

// Values returns the CI systems.
func (AgentKind) Values() []string { return toStrings(JobServ, GitHub, GitLab, Buildkite, Command) }

// Values returns the kinds of link.
func (Link) Values() []string { return toStrings(HAVPN, NoLink) }

// Values returns the paths to the backend.
func (Path) Values() []string { return toStrings(PrivatePath, PublicPath) }

// Values returns the paths to Google APIs.
func (GoogleAPIs) Values() []string { return toStrings(PrivateAPIs, RestrictedAPIs, PublicAPIs) }

func (Posture) typeNoun() string    { return "a posture" }
func (Egress) typeNoun() string     { return "an egress mode" }
func (Arch) typeNoun() string       { return "an architecture" }
func (Image) typeNoun() string      { return "an image" }
func (AgentKind) typeNoun() string  { return "a kind of agent" }
func (Link) typeNoun() string       { return "a kind of link" }
func (Path) typeNoun() string       { return "a path" }
func (GoogleAPIs) typeNoun() string { return "a path to Google APIs" }

func toStrings[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// isAllowed reports whether value is in the list of the enum.
func isAllowed(e enum, value string) bool { return slices.Contains(e.Values(), value) }

// joinOr joins alternatives as a sentence does: a, b or c.
func joinOr(values []string) string { return joinWords(values, " or ") }

// joinAnd joins names as a sentence does: a, b and c.
func joinAnd(values []string) string { return joinWords(values, " and ") }

func joinWords(values []string, word string) string {
	if len(values) < 2 {
		return strings.Join(values, "")
	}
	last := len(values) - 1
	return strings.Join(values[:last], ", ") + word + values[last]
}
