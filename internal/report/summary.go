package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Kind is where a run's times come from.
type Kind string

// The kinds: the times of a Model run come from model durations, those of a Measured run from a clock.
const (
	Model    Kind = "model"
	Measured Kind = "measured"
)

// Run is one run of the engine, real or predicted. As JSON it is one object. All times in it are seconds since the run began, except began
// itself, which is in RFC 3339. New versions may add fields, and never change the meaning of one.
type Run struct {
	Region string `json:"region"`
	Kind   Kind   `json:"kind"`
	// Began is when a measured run began. A prediction has no such time.
	Began time.Time `json:"began,omitzero"`
	// Promised is the region file's ready; 0 if the file promises nothing.
	Promised float64 `json:"promised,omitempty"`
	Times    Times   `json:"times"`
	// Critical is the critical path of Spans, and Forced the longest chain that the clouds force, if the caller derived it.
	Critical []Span `json:"critical"`
	Forced   []Span `json:"forced,omitempty"`
	// Spans are all resources that were created or changed, in the order of their start.
	Spans []Span `json:"spans"`
}

// Write writes a run as JSON.
func Write(w io.Writer, r Run) error {
	r.Began = r.Began.UTC()
	if r.Critical == nil {
		r.Critical = []Span{} // readers always find a list
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

// minorSeconds is the length under which a summary only counts a step.
const minorSeconds = 5

// WriteSummary writes a run for people: each time to ready with the steps that decide it, the promise and the baselines, and the critical
// path.
func WriteSummary(w io.Writer, r Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Time to ready of %s (%s)\n", r.Region, r.Kind)
	moments := map[Goal]*Moment{Builds: r.Times.Builds, Yocto: r.Times.Yocto, Link: r.Times.Link}
	for _, c := range Compare(r.Times, r.Promised) {
		fmt.Fprintf(&b, "  %-16s  %v\n  %16s  %s\n", c.Goal, c, "", formatSteps(moments[c.Goal].Steps))
		for _, base := range c.Baselines {
			fmt.Fprintf(&b, "  %16s  %s\n", "", base.CompareTo(c.Seconds))
		}
	}
	for _, goal := range []Goal{Builds, Yocto, Link} {
		if moments[goal] == nil {
			fmt.Fprintf(&b, "  %-16s  none in this run\n", goal)
		}
	}
	if last, found := lastOf(r.Critical); found {
		steps := formatSteps(momentOf(last, r.Critical).Steps)
		fmt.Fprintf(&b, "  %-16s  %s%s\n  %16s  %s\n", "critical path", FormatSeconds(last.End), formatOverhead(r), "", steps)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the summary of %s: %w", r.Region, err)
	}
	return nil
}

// formatOverhead returns how much longer a run takes than the clouds force; empty if the forced chain is unknown.
func formatOverhead(r Run) string {
	least, known := lastOf(r.Forced)
	over := 100 * Overhead(r.Critical, r.Forced)
	switch {
	case !known:
		return ""
	case over < 0.05:
		return ", as long as the clouds force"
	}
	return fmt.Sprintf(", %.1f %% more than the %s that the clouds force", over, FormatSeconds(least.End))
}

// formatSteps returns steps in one line, whose times add up. It shows the minor steps together, as a number and a sum.
func formatSteps(steps []Step) string {
	var parts []string
	count, rest := 0, 0.0
	for _, s := range steps {
		if s.Seconds < minorSeconds {
			count, rest = count+1, rest+s.Seconds
			continue
		}
		parts = append(parts, s.Name+" "+FormatSeconds(s.Seconds))
	}
	if count > 0 {
		parts = append(parts, fmt.Sprintf("%d under %d s: %s", count, minorSeconds, FormatSeconds(rest)))
	}
	return strings.Join(parts, ", ")
}
