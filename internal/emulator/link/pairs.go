package link

import (
	"cmp"
	"slices"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// endPair holds the two ends of a tunnel. One of them may be missing.
type endPair struct {
	gcp *gcpEnd
	aws *awsEnd
}

// matchScore returns how well two ends match, in points.
func matchScore(g *gcpEnd, a *awsEnd) int {
	points := 0
	for _, c := range []struct {
		agree  bool
		weight int
	}{
		{g.remote == a.address, 8},
		{g.tunnel.Text("sharedSecret") == a.key, 4},
		{a.inside.Contains(g.face4), 2},
		{a.inside.Contains(g.peer4), 2},
		{a.customer != nil && g.local == a.customer.Text("ipAddress"), 1},
	} {
		if c.agree {
			points += c.weight
		}
	}
	return points
}

// minMatchScore is the score that two ends need to be compared: more than a shared customer gateway.
const minMatchScore = 2

// pairEnds pairs the ends of all tunnels, the best matches first.
func pairEnds(s *cloud.State) []*endPair {
	type match struct {
		endPair
		points int
	}
	var matches []match
	googles, amazons := gcpEnds(s), awsEnds(s)
	for _, g := range googles {
		for _, a := range amazons {
			if points := matchScore(g, a); points >= minMatchScore {
				matches = append(matches, match{endPair{g, a}, points})
			}
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(b.points, a.points) })
	list := []*endPair{}
	gone, taken := map[*gcpEnd]bool{}, map[*awsEnd]bool{}
	for _, m := range matches {
		if !gone[m.gcp] && !taken[m.aws] {
			list = append(list, &endPair{m.gcp, m.aws})
			gone[m.gcp], taken[m.aws] = true, true
		}
	}
	for _, g := range googles {
		if !gone[g] {
			list = append(list, &endPair{gcp: g})
		}
	}
	for _, a := range amazons {
		if !taken[a] {
			list = append(list, &endPair{aws: a})
		}
	}
	return list
}
