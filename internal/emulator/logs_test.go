package emulator

import "testing"

func TestLogGroup(t *testing.T) {
	d := open(t)
	d.refusesToMake(LogGroupType, props{"name": "a b"}, "isn't a valid log group name")
	d.refusesToMake(LogGroupType, props{"retentionInDays": 2}, "expected retention_in_days to be one of")
	group := d.make(LogGroupType, "logs", props{"name": "/beachhead/flow", "retentionInDays": 14})
	if group.id != "/beachhead/flow" || group.out("arn") != "arn:aws:logs:us-west-1:123456789012:log-group:/beachhead/flow" {
		t.Errorf("%s is %v", group.id, group.out("arn"))
	}
	d.refusesToMake(LogGroupType, props{"name": "/beachhead/flow"}, "ResourceAlreadyExistsException: The specified log group already exists")
	d.elsewhere(props{"region": "us-east-2"}).make(LogGroupType, "logs", props{"name": "/beachhead/flow"}) // names are per region
	diff := group.diff(props{"name": "/beachhead/flow", "logGroupClass": "INFREQUENT_ACCESS"})
	if len(diff.GetReplaces()) != 1 || !diff.GetDeleteBeforeReplace() {
		t.Errorf("replaces %v, deleting first: %v; want it deleted first, its name is fixed", diff.GetReplaces(), diff.GetDeleteBeforeReplace())
	}
	kept := d.make(LogGroupType, "kept", props{"name": "kept", "skipDestroy": true})
	kept.delete()
	if r := d.read(LogGroupType, "kept", "kept", nil); r.id != "kept" {
		t.Error("skipDestroy did not keep the group")
	}
}

func TestFlowLogRefusals(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	group := d.make(LogGroupType, "logs", props{"name": "flow"})
	role := d.make(RoleType, "role", props{"assumeRolePolicy": trust})
	with := func(change props) props {
		p := props{"vpcId": vpc.id, "trafficType": "ALL", "iamRoleArn": role.out("arn"), "logDestination": group.out("arn")}
		for name, v := range change {
			if p[name] = v; v == nil {
				delete(p, name)
			}
		}
		return p
	}
	d.refusesToMake(FlowLogType, with(props{"vpcId": nil}), "exactly one of vpcId")
	d.refusesToMake(FlowLogType, with(props{"trafficType": nil}), "trafficType: must be")
	d.refusesToMake(FlowLogType, with(props{"trafficType": "SOME"}), "trafficType: must be")
	d.refusesToMake(FlowLogType, with(props{"maxAggregationInterval": 61}), "must be 60 or 600")
	d.refusesToMake(FlowLogType, with(props{"iamRoleArn": nil}), "DeliverLogsPermissionArn can't be empty")
	d.refusesToMake(FlowLogType, with(props{"logDestination": nil}), "a log group must be given")
	d.refusesToMake(FlowLogType, with(props{"logDestinationType": "s3"}), "cloud-watch-logs only")
	d.refusesToMake(FlowLogType, with(props{"logGroupName": "flow"}), "logDestination and logGroupName cannot be given together")
	log := d.make(FlowLogType, "log", with(nil))
	d.refusesToMake(FlowLogType, with(props{"logDestination": group.out("arn").(string) + ":*"}), "FlowLogAlreadyExists", log.id)
	d.make(FlowLogType, "rejects", with(props{"trafficType": "REJECT"}))
	if log.out("logGroupName") != "flow" {
		t.Errorf("log group = %v", log.out("logGroupName"))
	}
}
