package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Goal is what a region can be ready for.
type Goal string

// The goals.
const (
	Builds Goal = "container builds"
	Yocto  Goal = "Yocto builds"
	Link   Goal = "link to GCP"
)

// Baseline is what a goal took a team without Beachhead in an outage that it has published.
type Baseline struct {
	Goal Goal `json:"goal"`
	// When is the month of the outage and What was done in it, as people say it.
	When string `json:"when"`
	What string `json:"what"`
	// Seconds is how long it took; 0: they did not get there.
	Seconds float64 `json:"seconds,omitempty"`
}

// Baselines are the figures to beat, from the postmortems of two outages: in April 2022 AWS's us-east-2 lost its connections to GCP, and
// everything that could be was moved to us-west-1 by hand, from 17:30 to 21:00; in July 2022 a zone lost power, and all of CI went to
// us-west-2. No published figure for a link by hand is known to us.
func Baselines() []Baseline {
	return []Baseline{
		{Goal: Builds, When: "April 2022", What: "moving them by hand", Seconds: 3.5 * 3600},
		{Goal: Builds, When: "July 2022", What: "moving compute", Seconds: 25 * 60},
		{Goal: Yocto, When: "April 2022", What: "no NFS cache could be set up in time to move them"},
		{Goal: Yocto, When: "July 2022", What: "setting up NFS servers by hand", Seconds: 2.2 * 3600},
	}
}

// Comparison holds a time to ready against what the region promises and against what it took by hand.
type Comparison struct {
	Goal Goal `json:"goal"`
	// Seconds is the time to ready, and Promised what the region file's ready says; 0: it promises nothing.
	Seconds   float64    `json:"seconds"`
	Promised  float64    `json:"promised,omitempty"`
	Baselines []Baseline `json:"baselines,omitempty"`
}

// Compare compares all times that a region has, against a promise in seconds.
func Compare(t Times, promised float64) []Comparison {
	all := []Comparison{}
	for _, of := range []struct {
		goal Goal
		at   *Moment
	}{{Builds, t.Builds}, {Yocto, t.Yocto}, {Link, t.Link}} {
		if of.at == nil {
			continue
		}
		others := func(b Baseline) bool { return b.Goal != of.goal }
		all = append(all, Comparison{
			Goal: of.goal, Seconds: of.at.Seconds, Promised: promised, Baselines: slices.DeleteFunc(Baselines(), others),
		})
	}
	return all
}

// Late says whether the region breaks its promise. What takes exactly as long as promised keeps it.
func (c Comparison) Late() bool { return c.Promised > 0 && c.Seconds > c.Promised }

// String says the time, and the promise it is held against.
func (c Comparison) String() string {
	switch {
	case c.Promised <= 0:
		return Clock(c.Seconds)
	case c.Late():
		return fmt.Sprintf("%s, %s more than the %s promised", Clock(c.Seconds), Clock(c.Seconds-c.Promised), Clock(c.Promised))
	}
	return fmt.Sprintf("%s of the %s promised", Clock(c.Seconds), Clock(c.Promised))
}

// Against says how a time to ready, in seconds, compares with the baseline.
func (b Baseline) Against(seconds float64) string {
	switch {
	case b.Seconds == 0:
		return fmt.Sprintf("%s: %s", b.When, b.What)
	case seconds > b.Seconds:
		return fmt.Sprintf("%s: %s took %s, which is %s times faster", b.When, b.What, Clock(b.Seconds), ratio(seconds/b.Seconds))
	case seconds <= 0:
		return fmt.Sprintf("%s: %s took %s", b.When, b.What, Clock(b.Seconds))
	}
	return fmt.Sprintf("%s: %s took %s; this is %s times faster", b.When, b.What, Clock(b.Seconds), ratio(b.Seconds/seconds))
}

// ratio has as many digits as the model is good for.
func ratio(x float64) string {
	if x >= 10 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'f', 1, 64)
}

// Clock writes seconds as people say them, to the second: 45 s, 2 min 12 s, 10 min, 3 h 30 min.
func Clock(seconds float64) string {
	left := int(math.Round(seconds))
	var said []string
	for _, unit := range []struct {
		name string
		has  int
	}{{"h", 3600}, {"min", 60}, {"s", 1}} {
		if n := left / unit.has; n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, unit.name))
		}
		left %= unit.has
	}
	if said == nil {
		return "0 s"
	}
	return strings.Join(said, " ")
}
