package emulator_test

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestLogGroup(t *testing.T) {
	d := emulatortest.Start(t)
	d.RequireCreateRefusal(aws.LogGroupType, props{"name": "a b"}, "isn't a valid log group name")
	d.RequireCreateRefusal(aws.LogGroupType, props{"retentionInDays": 2}, "expected retention_in_days to be one of")
	group := d.Create(aws.LogGroupType, "logs", props{"name": "/beachhead/flow", "retentionInDays": 14})
	if group.ID != "/beachhead/flow" || group.Output("arn") != "arn:aws:logs:us-west-1:123456789012:log-group:/beachhead/flow" {
		t.Errorf("%s is %v", group.ID, group.Output("arn"))
	}
	d.RequireCreateRefusal(aws.LogGroupType, props{"name": "/beachhead/flow"},
		"ResourceAlreadyExistsException: The specified log group already exists")
	d.Elsewhere(props{"region": "us-east-2"}).Create(aws.LogGroupType, "logs", props{"name": "/beachhead/flow"}) // names are per region
	diff := group.Diff(props{"name": "/beachhead/flow", "logGroupClass": "INFREQUENT_ACCESS"})
	if len(diff.GetReplaces()) != 1 || !diff.GetDeleteBeforeReplace() {
		t.Errorf("replaces %v, deleting first: %v; want it deleted first, its name is fixed", diff.GetReplaces(), diff.GetDeleteBeforeReplace())
	}
	kept := d.Create(aws.LogGroupType, "kept", props{"name": "kept", "skipDestroy": true})
	kept.Delete()
	if r := d.Read(aws.LogGroupType, "kept", "kept", nil); r.ID != "kept" {
		t.Error("skipDestroy did not keep the group")
	}
}

func TestFlowLogRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	group := d.Create(aws.LogGroupType, "logs", props{"name": "flow"})
	role := d.Create(aws.RoleType, "role", props{"assumeRolePolicy": emulatortest.TrustPolicy})
	with := func(change props) props {
		p := props{"vpcId": vpc.ID, "trafficType": "ALL", "iamRoleArn": role.Output("arn"), "logDestination": group.Output("arn")}
		for name, v := range change {
			if p[name] = v; v == nil {
				delete(p, name)
			}
		}
		return p
	}
	d.RequireCreateRefusal(aws.FlowLogType, with(props{"vpcId": nil}), "exactly one of vpcId")
	d.RequireCreateRefusal(aws.FlowLogType, with(props{"trafficType": nil}), "trafficType: must be")
	d.RequireCreateRefusal(aws.FlowLogType, with(props{"trafficType": "SOME"}), "trafficType: must be")
	d.RequireCreateRefusal(aws.FlowLogType, with(props{"maxAggregationInterval": 61}), "must be 60 or 600")
	d.RequireCreateRefusal(aws.FlowLogType, with(props{"iamRoleArn": nil}), "DeliverLogsPermissionArn can't be empty")
	d.RequireCreateRefusal(aws.FlowLogType, with(props{"logDestination": nil}), "a log group must be set")
	d.RequireCreateRefusal(aws.FlowLogType, with(props{"logDestinationType": "s3"}), "cloud-watch-logs only")
	d.RequireCreateRefusal(aws.FlowLogType, with(props{"logGroupName": "flow"}), "logDestination and logGroupName cannot be set together")
	log := d.Create(aws.FlowLogType, "log", with(nil))
	d.RequireCreateRefusal(aws.FlowLogType, with(props{"logDestination": group.Output("arn").(string) + ":*"}), "FlowLogAlreadyExists", log.ID)
	d.Create(aws.FlowLogType, "rejects", with(props{"trafficType": "REJECT"}))
	if log.Output("logGroupName") != "flow" {
		t.Errorf("log group = %v", log.Output("logGroupName"))
	}
}
