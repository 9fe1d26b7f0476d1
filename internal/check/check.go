// Package check is the result type of all code that inspects something, such as verification: what each check found, as a table, as JSON
// and as an exit code.
package check

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Outcome is the result of a check. The zero value is not a success.
type Outcome int

// The outcomes.
const (
	// NotChecked means that the check could not run, which proves nothing. It counts as not passed.
	NotChecked Outcome = iota
	Pass
	// Warn means that nothing is broken, but a person should look at it. It counts as passed.
	Warn
	Fail
)

var words = [...]string{NotChecked: "not checked", Pass: "pass", Warn: "warn", Fail: "fail"}

// String returns the outcome's word. An outcome that does not exist reads as not checked.
func (o Outcome) String() string {
	if o < 0 || int(o) >= len(words) {
		o = NotChecked
	}
	return words[o]
}

// MarshalText returns the outcome's word, for JSON.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads an outcome's word.
func (o *Outcome) UnmarshalText(text []byte) error {
	i := slices.Index(words[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown outcome %q; want one of %s", text, strings.Join(words[:], ", "))
	}
	*o = Outcome(i)
	return nil
}

// Result is what one check found.
type Result struct {
	// Probe names the check, and Target the object that it looked at.
	Probe   string  `json:"probe"`
	Target  string  `json:"target"`
	Outcome Outcome `json:"outcome"`
	// Want and Got describe the planned and the found state in the same words.
	Want string `json:"want"`
	Got  string `json:"got"`
	// Why is the reason of an outcome other than Pass, with the next step.
	Why string `json:"why,omitempty"`
}

// Passed reports whether the outcome is Pass or Warn.
func (r Result) Passed() bool { return r.Outcome == Pass || r.Outcome == Warn }

// NotPassed returns the results that failed or were not checked.
func NotPassed(results []Result) []Result {
	return slices.DeleteFunc(slices.Clone(results), Result.Passed)
}

// ErrNotPassed reports that some checks failed or were not checked.
var ErrNotPassed = errors.New("verification failed")

// ExitNotPassed is the exit code of a command for which some checks failed or were not checked.
const ExitNotPassed = 3

// ErrorFrom returns nil if all results have passed, and otherwise an error that wraps ErrNotPassed and has their number.
func ErrorFrom(results []Result) error {
	switch n := len(NotPassed(results)); n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%w: 1 probe did not pass", ErrNotPassed)
	default:
		return fmt.Errorf("%w: %d probes did not pass", ErrNotPassed, n)
	}
}

// WriteTable writes a line for each result. The function paint may colour an outcome's word; nil leaves it as it is.
func WriteTable(w io.Writer, results []Result, paint func(o Outcome, word string) string) error {
	outcomes, names := 0, 0
	for _, r := range results {
		outcomes, names = max(outcomes, len(r.Outcome.String())), max(names, len(r.probeAndTarget()))
	}
	for _, r := range results {
		word := fmt.Sprintf("%-*s", outcomes, r.Outcome)
		if paint != nil {
			word = paint(r.Outcome, word)
		}
		if _, err := fmt.Fprintf(w, "  %s  %-*s  %s\n", word, names, r.probeAndTarget(), r.describeFinding()); err != nil {
			return fmt.Errorf("writing the results: %w", err)
		}
	}
	return nil
}

// probeAndTarget returns the probe and its target.
func (r Result) probeAndTarget() string { return r.Probe + ", " + r.Target }

// describeFinding returns what was wanted and found, and why.
func (r Result) describeFinding() string {
	parts := []string{"want " + r.Want}
	if r.Got != "" {
		parts = append(parts, "got "+r.Got)
	}
	text := strings.Join(parts, ", ")
	if r.Why != "" {
		text += ": " + r.Why
	}
	return text
}
