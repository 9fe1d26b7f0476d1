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

// Baseline is how long a team without Beachhead took to reach a goal, in an outage that the team has published.
type Baseline struct {
	Goal Goal `json:"goal"`
	// When is the month of the outage, and What is the work in it, both in words.
	When string `json:"when"`
	What string `json:"what"`
	// Seconds is how long the work took; 0 if the team did not reach the goal.
	Seconds float64 `json:"seconds,omitempty"`
}

// Baselines returns the figures to beat, from the postmortems of two outages. In April 2022 AWS's us-east-2 lost its connections to GCP,
// and the team moved by hand what it could to us-west-1, from 17:30 to 21:00. In July 2022 a zone lost power, and all of CI moved to
// us-west-2. We know of no published figure for a link that was set up by hand.
func Baselines() []Baseline {
	return []Baseline{
		{Goal: Builds, When: "April 2022", What: "moving them by hand", Seconds: 3.5 * 3600},
		{Goal: Builds, When: "July 2022", What: "moving compute", Seconds: 25 * 60},
		{Goal: Yocto, When: "April 2022", What: "no NFS cache could be set up in time to move them"},
		{Goal: Yocto, When: "July 2022", What: "setting up NFS servers by hand", Seconds: 2.2 * 3600},
	}
}

// Comparison compares a time to ready with what the region promises and with the baselines.
type Comparison struct {
	Goal Goal `json:"goal"`
	// Seconds is the time to ready, and Promised the region file's ready; 0 if the file promises nothing.
	Seconds   float64    `json:"seconds"`
	Promised  float64    `json:"promised,omitempty"`
	Baselines []Baseline `json:"baselines,omitempty"`
}

// Compare compares all times that a region has with a promise in seconds and with the baselines.
func Compare(t Times, promised float64) []Comparison {
	all := []Comparison{}
	for _, of := range []struct {
		goal Goal
		at   *Moment
	}{{Builds, t.Builds}, {Yocto, t.Yocto}, {Link, t.Link}} {
		if of.at == nil {
			continue
		}
		isOther := func(b Baseline) bool { return b.Goal != of.goal }
		all = append(all, Comparison{
			Goal: of.goal, Seconds: of.at.Seconds, Promised: promised, Baselines: slices.DeleteFunc(Baselines(), isOther),
		})
	}
	return all
}

// Late reports whether the time is longer than the promise. A time that is exactly as long keeps the promise.
func (c Comparison) Late() bool { return c.Promised > 0 && c.Seconds > c.Promised }

// String returns the time with the promise.
func (c Comparison) String() string {
	switch {
	case c.Promised <= 0:
		return FormatSeconds(c.Seconds)
	case c.Late():
		return fmt.Sprintf("%s, %s more than the %s promised",
			FormatSeconds(c.Seconds), FormatSeconds(c.Seconds-c.Promised), FormatSeconds(c.Promised))
	}
	return fmt.Sprintf("%s of the %s promised", FormatSeconds(c.Seconds), FormatSeconds(c.Promised))
}

// CompareTo returns the baseline in words, with how much faster or slower a time to ready in seconds is.
func (b Baseline) CompareTo(seconds float64) string {
	switch {
	case b.Seconds == 0:
		return fmt.Sprintf("%s: %s", b.When, b.What)
	case seconds > b.Seconds:
		return fmt.Sprintf("%s: %s took %s, which is %s times faster", b.When, b.What, FormatSeconds(b.Seconds), formatRatio(seconds/b.Seconds))
	case seconds <= 0:
		return fmt.Sprintf("%s: %s took %s", b.When, b.What, FormatSeconds(b.Seconds))
	}
	return fmt.Sprintf("%s: %s took %s; this is %s times faster", b.When, b.What, FormatSeconds(b.Seconds), formatRatio(b.Seconds/seconds))
}

// formatRatio returns a ratio with as many digits as the model is precise.
func formatRatio(x float64) string {
	if x >= 10 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'f', 1, 64)
}

// FormatSeconds returns seconds in words, to the second: 45 s, 2 min 12 s, 10 min, 3 h 30 min.
func FormatSeconds(seconds float64) string {
	left := int(math.Round(seconds))
	var parts []string
	for _, unit := range []struct {
		name    string
		seconds int
	}{{"h", 3600}, {"min", 60}, {"s", 1}} {
		if n := left / unit.seconds; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit.name))
		}
		left %= unit.seconds
	}
	if parts == nil {
		return "0 s"
	}
	return strings.Join(parts, " ")
}
