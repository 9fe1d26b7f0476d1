package fleet_test

import (
	"testing"

	"github.com/beachhead-build/beachhead/components/fleet"
)

// A group publishes its metrics on request only, and the alarm about its capacity in service needs one.
func TestGroupPublishesItsCapacity(t *testing.T) {
	g := group(t, nil)
	metrics := g["enabledMetrics"].ArrayValue()
	if len(metrics) != 1 || metrics[0].StringValue() != fleet.CapacityMetric || g["metricsGranularity"].StringValue() != "1Minute" {
		t.Errorf("it publishes %v each %v, want %s each 1Minute", metrics, g["metricsGranularity"], fleet.CapacityMetric)
	}
}
