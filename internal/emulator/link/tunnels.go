// Package link compares both ends of a VPN between AWS and GCP. From both ends together follow the state of each tunnel and the routes that
// each side learns.
package link

import (
	"cmp"
	"slices"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// Tunnel is one tunnel between the clouds, as both ends see it.
type Tunnel struct {
	// Name is the name of the GCP tunnel or, when none ends here, of the AWS one: "vpn-… tunnel 1".
	Name string
	// GCP and AWS are the ids of the tunnel and of the connection. One of them is empty when the tunnel has no other end. Number is the
	// connection's tunnel, 1 or 2.
	GCP, AWS string
	Number   int
	// Up reports whether both ends agree. Why names every field in which they differ, with both values; for keys it reports only that
	// they differ.
	Up  bool
	Why []string
}

// Tunnels lists all tunnels between the clouds, by name. A tunnel is up if both ends agree on addresses, keys, versions, ranges and
// ASNs. When no end agrees fully, the end that agrees most counts as the other end.
func Tunnels(s *cloud.State) []Tunnel {
	list := []Tunnel{}
	for _, p := range pairEnds(s) {
		t := Tunnel{Why: p.differences(s)}
		if p.aws != nil {
			t.AWS, t.Number = p.aws.connection.ID, p.aws.n
			t.Name = p.aws.String()
		}
		if p.gcp != nil {
			t.GCP, t.Name = p.gcp.tunnel.ID, p.gcp.tunnel.Text("name")
		}
		t.Up = len(t.Why) == 0
		list = append(list, t)
	}
	slices.SortStableFunc(list, func(a, b Tunnel) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
