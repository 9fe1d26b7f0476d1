package emulator

import "testing"

func TestLogGroup(t *testing.T) {
	d := Start(t)
	d.RequireCreateRefusal(LogGroupType, Props{"name": "a b"}, "isn't a valid log group name")
	d.RequireCreateRefusal(LogGroupType, Props{"retentionInDays": 2}, "expected retention_in_days to be one of")
	group := d.Create(LogGroupType, "logs", Props{"name": "/beachhead/flow", "retentionInDays": 14})
	if group.ID != "/beachhead/flow" || group.Output("arn") != "arn:aws:logs:us-west-1:123456789012:log-group:/beachhead/flow" {
		t.Errorf("%s is %v", group.ID, group.Output("arn"))
	}
	d.RequireCreateRefusal(LogGroupType, Props{"name": "/beachhead/flow"}, "ResourceAlreadyExistsException: The specified log group already exists")
	d.Elsewhere(Props{"region": "us-east-2"}).Create(LogGroupType, "logs", Props{"name": "/beachhead/flow"}) // names are per region
	diff := group.Diff(Props{"name": "/beachhead/flow", "logGroupClass": "INFREQUENT_ACCESS"})
	if len(diff.GetReplaces()) != 1 || !diff.GetDeleteBeforeReplace() {
		t.Errorf("replaces %v, deleting first: %v; want it deleted first, its name is fixed", diff.GetReplaces(), diff.GetDeleteBeforeReplace())
	}
	kept := d.Create(LogGroupType, "kept", Props{"name": "kept", "skipDestroy": true})
	kept.Delete()
	if r := d.Read(LogGroupType, "kept", "kept", nil); r.ID != "kept" {
		t.Error("skipDestroy did not keep the group")
	}
}

func TestFlowLogRefusals(t *testing.T) {
	d := Start(t)
	vpc := d.VPC("10.42.0.0/16")
	group := d.Create(LogGroupType, "logs", Props{"name": "flow"})
	role := d.Create(RoleType, "role", Props{"assumeRolePolicy": TrustPolicy})
	with := func(change Props) Props {
		p := Props{"vpcId": vpc.ID, "trafficType": "ALL", "iamRoleArn": role.Output("arn"), "logDestination": group.Output("arn")}
		for name, v := range change {
			if p[name] = v; v == nil {
				delete(p, name)
			}
		}
		return p
	}
	d.RequireCreateRefusal(FlowLogType, with(Props{"vpcId": nil}), "exactly one of vpcId")
	d.RequireCreateRefusal(FlowLogType, with(Props{"trafficType": nil}), "trafficType: must be")
	d.RequireCreateRefusal(FlowLogType, with(Props{"trafficType": "SOME"}), "trafficType: must be")
	d.RequireCreateRefusal(FlowLogType, with(Props{"maxAggregationInterval": 61}), "must be 60 or 600")
	d.RequireCreateRefusal(FlowLogType, with(Props{"iamRoleArn": nil}), "DeliverLogsPermissionArn can't be empty")
	d.RequireCreateRefusal(FlowLogType, with(Props{"logDestination": nil}), "a log group must be given")
	d.RequireCreateRefusal(FlowLogType, with(Props{"logDestinationType": "s3"}), "cloud-watch-logs only")
	d.RequireCreateRefusal(FlowLogType, with(Props{"logGroupName": "flow"}), "logDestination and logGroupName cannot be given together")
	log := d.Create(FlowLogType, "log", with(nil))
	d.RequireCreateRefusal(FlowLogType, with(Props{"logDestination": group.Output("arn").(string) + ":*"}), "FlowLogAlreadyExists", log.ID)
	d.Create(FlowLogType, "rejects", with(Props{"trafficType": "REJECT"}))
	if log.Output("logGroupName") != "flow" {
		t.Errorf("log group = %v", log.Output("logGroupName"))
	}
}
