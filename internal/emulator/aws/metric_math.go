package aws

import (
	"regexp"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// mathSize is the maximum number of metrics, and of expressions, in an alarm's metric math.
const mathSize = 10

// Ids of other queries in an expression start with a small letter; functions and operators do not. Quoted parts are text.
var (
	mathID   = regexp.MustCompile(`\b[a-z]\w*`)
	mathText = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

// checkMath refuses too many queries, a query that is neither a metric nor an expression, and an expression that names an absent id.
func checkMath(in *cloud.Inputs, name string) {
	metrics, expressions, ids := 0, 0, map[string]bool{}
	for _, q := range in.Items(name) {
		ids[q.Text("id")] = true
		switch {
		case q.Has("metric"):
			metrics++
		case q.Has("expression"):
			expressions++
		default:
			q.Fail("metric", "ValidationError: either metric or expression must be set")
		}
	}
	if metrics > mathSize || expressions > mathSize {
		in.Fail(name, "ValidationError: at most %d metrics and %d expressions may be set, got %d and %d", mathSize, mathSize, metrics,
			expressions)
	}
	for _, q := range in.Items(name) {
		for _, id := range mathID.FindAllString(mathText.ReplaceAllString(q.Text("expression"), ""), -1) {
			if !ids[id] {
				q.Fail("expression", "ValidationError: Error in expression %q: undefined variable %s", q.Text("id"), id)
			}
		}
	}
}

var (
	statistics = []string{"Average", "Minimum", "Maximum", "SampleCount", "Sum"}
	queryID    = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)
)

// checkMetricQueries checks metric math: unique ids, each query a metric or an expression, and one result. Terraform fills in an absent
// returnData, not always alike.
func checkMetricQueries(in *cloud.Inputs, name, metric string, returned bool) {
	results, ids := 0, map[string]bool{}
	for _, q := range in.Items(name) {
		id := q.Text("id")
		q.CheckPattern("id", queryID)
		if id != "" && ids[id] {
			q.Fail("id", "ValidationError: The id %q is used more than once", id)
		}
		ids[id] = true
		if q.Has("expression") && q.Has(metric) {
			q.Fail("expression", "ValidationError: expression and %s cannot be set together", metric)
		}
		if cloud.Bool(q.Values["returnData"]) || returned && !q.Has("returnData") {
			results++
		}
	}
	if results != 1 {
		in.Fail(name, "ValidationError: exactly one query must have returnData true, %d have", results)
	}
}
