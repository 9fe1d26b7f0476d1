package inventory

import (
	"strings"

	"github.com/beachhead-build/beachhead/internal/restype"
)

// DashboardOf returns the dashboard of a stack.
func DashboardOf(stack string) Resource {
	name := DashboardName(stack)
	return Resource{Type: restype.Dashboard, ID: name, ImportID: name, Inputs: map[string]any{"dashboardName": name}}
}

// PolicyOf returns the scaling policy of a group. Policies take no tags, and their names end at random.
func PolicyOf(group, policy string) Resource {
	return Resource{
		Type: restype.ScalingPolicy, ID: policy, ImportID: group + "/" + policy, Inputs: map[string]any{"autoscalingGroupName": group},
	}
}

// RecordOf returns a record of a stack's zone, as Route 53 reports its name and type. It returns false for the records of the zone
// itself, which Route 53 creates and deletes with the zone.
func RecordOf(zone, name, typ string) (Resource, bool) {
	// Route 53 writes the star as the octal number that it is in zone files.
	name = strings.Replace(strings.TrimSuffix(name, "."), `\052`, "*", 1)
	id := zone + "_" + name + "_" + typ
	return Resource{
		Type: restype.DNSRecord, ID: id, ImportID: id, Inputs: map[string]any{"zoneId": zone, "name": name, "type": typ},
	}, typ != "NS" && typ != "SOA"
}
