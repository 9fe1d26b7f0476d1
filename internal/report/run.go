package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Kind says where a run's times come from.
type Kind string

// The kinds: Model is reckoned from model durations, Measured from a run that took place.
const (
	Model    Kind = "model"
	Measured Kind = "measured"
)

// Run is one run of the engine, real or predicted. As JSON it is one object; all times in it are seconds since the run began but for began
// itself, which is in RFC 3339. Fields are added and never change their meaning.
type Run struct {
	Region string `json:"region"`
	Kind   Kind   `json:"kind"`
	// Began is when a measured run began; a model has no such time.
	Began time.Time `json:"began,omitzero"`
	// Promised is the region file's ready; 0: nothing is promised.
	Promised float64 `json:"promised,omitempty"`
	Times    Times   `json:"times"`
	// Critical is the critical path of Spans, and Forced the longest chain that the clouds force, where somebody worked it out.
	Critical []Span `json:"critical"`
	Forced   []Span `json:"forced,omitempty"`
	// Spans are all resources that were worked on, in order of their start.
	Spans []Span `json:"spans"`
}

// Write writes a run as JSON.
func Write(w io.Writer, r Run) error {
	r.Began = r.Began.UTC()
	if r.Critical == nil {
		r.Critical = []Span{} // a list for every reader
	}
	if r.Spans == nil {
		r.Spans = []Span{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("writing the timeline of %s: %w", r.Region, err)
	}
	return nil
}

// minor is under how many seconds a step is only counted in a summary.
const minor = 5

// Summary writes a run for people: each time to ready with why it takes that long, against the promise and against what it took by hand,
// and the critical path.
func Summary(w io.Writer, r Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Time to ready of %s (%s)\n", r.Region, r.Kind)
	moments := map[Goal]*Moment{Builds: r.Times.Builds, Yocto: r.Times.Yocto, Link: r.Times.Link}
	for _, c := range Compare(r.Times, r.Promised) {
		fmt.Fprintf(&b, "  %-16s  %v\n  %16s  %s\n", c.Goal, c, "", brief(moments[c.Goal].Steps))
		for _, base := range c.Baselines {
			fmt.Fprintf(&b, "  %16s  %s\n", "", base.Against(c.Seconds))
		}
	}
	for _, goal := range []Goal{Builds, Yocto, Link} {
		if moments[goal] == nil {
			fmt.Fprintf(&b, "  %-16s  none in this run\n", goal)
		}
	}
	if last, found := lastOf(r.Critical); found {
		fmt.Fprintf(&b, "  %-16s  %s%s\n  %16s  %s\n", "critical path", Clock(last.End), beyond(r), "", brief(momentOf(last, r.Critical).Steps))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the summary of %s: %w", r.Region, err)
	}
	return nil
}

// beyond says how much of a run is not the clouds' doing.
func beyond(r Run) string {
	least, known := lastOf(r.Forced)
	over := 100 * Overhead(r.Critical, r.Forced)
	switch {
	case !known:
		return ""
	case over < 0.05:
		return ", as long as the clouds force"
	}
	return fmt.Sprintf(", %.1f %% more than the %s that the clouds force", over, Clock(least.End))
}

// brief is steps in one line, which adds up: those under minor seconds are told together.
func brief(steps []Step) string {
	var told []string
	count, rest := 0, 0.0
	for _, s := range steps {
		if s.Seconds < minor {
			count, rest = count+1, rest+s.Seconds
			continue
		}
		told = append(told, s.Name+" "+Clock(s.Seconds))
	}
	if count > 0 {
		told = append(told, fmt.Sprintf("%d under %d s: %s", count, minor, Clock(rest)))
	}
	return strings.Join(told, ", ")
}
