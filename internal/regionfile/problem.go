package regionfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// Problem is one fault in a region file, with its position and the fix.
type Problem struct { //nolint:errname // a problem can also be a warning
	// File is the file's name as the caller spelled it.
	File string
	// Line counts from 1. 0 means the file as a whole.
	Line int
	// Path is the key (network.cidr, aws.zones[1]). Empty means the file as a whole.
	Path string
	// Wrong describes the fault. Want is what to write instead.
	Wrong, Want string
	// Warning marks a problem that stops no command.
	Warning bool
}

// Error returns the problem as one line: file:line: path: what is wrong; want what to write.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Wrong)
	if p.Want != "" {
		b.WriteString("; want " + p.Want)
	}
	return b.String()
}

// Problems splits an error of this package into its problems, sorted by file and line. Any other error becomes a Problem
// without a position, so no error is lost.
func Problems(err error) []Problem {
	var found problems
	found.addError(err)
	found.sortByLine()
	return found
}

// problems collects what is wrong. toError turns it into an error.
type problems []Problem

func (ps *problems) addError(err error) {
	if err == nil {
		return
	}
	if many := (*multierror.Error)(nil); errors.As(err, &many) {
		for _, one := range many.WrappedErrors() {
			ps.addError(one)
		}
		return
	}
	if one := (Problem{}); errors.As(err, &one) {
		*ps = append(*ps, one)
		return
	}
	*ps = append(*ps, Problem{Wrong: err.Error()})
}

func (ps problems) sortByLine() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
}

// toError returns the problems that are not warnings as one error, or nil.
func (ps problems) toError() error {
	ps = slices.Clone(ps)
	ps.sortByLine()
	all := &multierror.Error{ErrorFormat: formatOneLineEach}
	for _, p := range ps {
		if !p.Warning {
			all.Errors = append(all.Errors, p)
		}
	}
	return all.ErrorOrNil()
}

// listWarnings returns the warnings, sorted by file and line.
func (ps problems) listWarnings() []Problem {
	ps = slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return !p.Warning })
	ps.sortByLine()
	return ps
}

// formatOneLineEach formats one problem per line. go-multierror's own format adds a heading and stars, which confuse editors
// that jump to file:line.
func formatOneLineEach(errs []error) string {
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}
