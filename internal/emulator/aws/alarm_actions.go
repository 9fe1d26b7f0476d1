package aws

import (
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

var actionLists = []string{"alarmActions", "okActions", "insufficientDataActions"}

func checkAlarmActions(in *cloud.Inputs) []catalog.Failure {
	in = in.Fresh()
	for _, name := range actionLists {
		actions := cloud.Texts(in.Values[name])
		if len(actions) > 5 {
			in.Fail(name, "ValidationError: at most 5 actions may be set, got %d", len(actions))
		}
		for _, a := range actions {
			if !strings.HasPrefix(a, "arn:aws:") {
				in.Fail(name, "ValidationError: Invalid arn syntax: %s", a)
			}
		}
	}
	return in.Failures()
}

// checkActionsExist refuses actions that do not exist. CloudWatch detects this only when the alarm goes off: too late.
func checkActionsExist(c *cloud.Call) error {
	for _, property := range actionLists {
		if !c.HasChanged(property) {
			continue
		}
		for _, arn := range c.New.Texts(property) {
			known, found := findAction(c, arn)
			if !known {
				return cloud.Refuse("%s: the emulator has no rules for the action %s", property, arn)
			}
			if !found {
				return cloud.Refuse("ValidationError: %s: the action %s does not exist", property, arn)
			}
		}
	}
	return nil
}

// findAction reports whether the emulator has rules for an alarm's action, and whether the action exists.
func findAction(c *cloud.Call, arn string) (known, found bool) {
	switch {
	case strings.HasPrefix(arn, "arn:aws:sns:"):
		return true, c.Find(arn, TopicType) != nil
	case strings.HasPrefix(arn, "arn:aws:autoscaling:"):
		return true, slices.ContainsFunc(c.ListHere(ScalingPolicyType), func(r *cloud.Record) bool { return r.Text("arn") == arn })
	}
	return false, false
}
