package aws

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// CompositeAlarmType is the Pulumi type token of a CloudWatch alarm whose rule combines other alarms.
const CompositeAlarmType = "aws:cloudwatch/compositeAlarm:CompositeAlarm"

// checkNotInComposite refuses to delete an alarm that the rule of another alarm names.
func checkNotInComposite(c *cloud.Call) error {
	var users []string
	for _, other := range c.ListHere(CompositeAlarmType) {
		rule, err := parseRule(other.Text("alarmRule"))
		if err == nil && other.ID != c.Old.ID && slices.Contains(rule, c.Old.ID) {
			users = append(users, other.ID)
		}
	}
	if len(users) > 0 {
		return cloud.RefuseInUse("ValidationError: Cannot delete %s as there are composite alarm(s) depending on it. (used by %s)", c.Old.ID,
			strings.Join(users, ", "))
	}
	return nil
}

var compositeAlarmKind = &cloud.Kind{
	Type: CompositeAlarmType, ARN: alarmARN,
	Missing:     metricAlarmKind.Missing,
	Defaults:    map[string]any{"actionsEnabled": true},
	Unsupported: []string{"actionsSuppressor"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		if rule, known := in.Values["alarmRule"].(string); known {
			if _, err := parseRule(rule); err != nil {
				in.Fail("alarmRule", "ValidationError: AlarmRule: %v", err)
			}
		}
		return slices.Concat(in.Failures(), checkAlarmActions(in))
	},
	Create: func(c *cloud.Call) error {
		if err := assignAlarmName(c, "alarmName"); err != nil {
			return err
		}
		return checkRuleAlarms(c)
	},
	Update: checkRuleAlarms,
	Delete: checkNotInComposite,
}

// checkRuleAlarms refuses a rule that names an absent alarm or the alarm itself.
func checkRuleAlarms(c *cloud.Call) error {
	names, err := parseRule(c.New.Text("alarmRule"))
	if err != nil {
		return cloud.Refuse("ValidationError: AlarmRule: %v", err)
	}
	for _, name := range names {
		if name == c.New.ID || c.Find(name, MetricAlarmType, CompositeAlarmType) == nil {
			return cloud.Refuse("ValidationError: AlarmRule: the alarm %s does not exist, or is this one", name)
		}
	}
	return checkActionsExist(c)
}
