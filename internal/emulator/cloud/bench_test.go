package cloud_test

import (
	"fmt"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

// BenchmarkCall makes and deletes a subnet in a cloud with 2,000 things in it: check, create, delete, over a real connection.
func BenchmarkCall(b *testing.B) {
	d := crowd(b)
	vpc := d.VPC("10.250.0.0/16")
	for b.Loop() {
		d.Subnet(vpc, "us-west-1a", "10.250.0.0/24").Delete()
	}
}

// BenchmarkOpen reads the journal of such a cloud.
func BenchmarkOpen(b *testing.B) {
	d := crowd(b)
	for b.Loop() {
		c, err := emulator.Open(cloud.Options{Dir: d.Dir})
		if err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
	}
}

func crowd(b *testing.B) *driver {
	b.Helper()
	d := emulatortest.Start(b, "quota=L-F678F1CE:100")
	for i := range 8 {
		vpc := d.VPC(fmt.Sprintf("10.%d.0.0/16", i))
		for j := range 120 {
			d.Subnet(vpc, "us-west-1a", fmt.Sprintf("10.%d.%d.0/24", i, j))
			d.Create(aws.RouteTableType, fmt.Sprint(i, j), props{"vpcId": vpc.ID})
		}
	}
	return d
}
