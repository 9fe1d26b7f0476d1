package aws

import (
	"slices"
	"strings"
	"testing"
)

func TestAlarmRules(t *testing.T) {
	for rule, want := range map[string][]string{
		`ALARM(a)`:                                      {"a"},
		`ALARM("a b") AND OK("c (d)")`:                  {"a b", "c (d)"},
		`NOT (ALARM(a) OR INSUFFICIENT_DATA( b ))`:      {"a", "b"},
		`ALARM(arn:aws:cloudwatch:us-west-1:1:alarm:a)`: {"a"},
		"TRUE\nAND NOT FALSE":                           nil,
	} {
		if got, err := parseRule(rule); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", rule, got, err, want)
		}
	}
	for _, rule := range []string{"", "a", "ALARM", "ALARM(", "ALARM()", `ALARM("a)`, `ALARM("a"`, "ALARM(a) ALARM(b)", "(ALARM(a)",
		"ALARM(a))", "NOT", "alarm(a)",
		strings.Repeat("(", 200), strings.Repeat("NOT ", 200), strings.Repeat("x", 10241)} {
		if _, err := parseRule(rule); err == nil {
			t.Errorf("%.40q was accepted", rule)
		}
	}
}
