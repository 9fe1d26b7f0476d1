package inventory_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// lines returns resources as sorted lines: type, id, import id, name, inputs.
func lines(all []inventory.Resource) []string {
	var lines []string
	for _, r := range all {
		words := []string{r.Type, r.ID, r.ImportID, r.Name}
		for _, key := range slices.Sorted(maps.Keys(r.Inputs)) {
			words = append(words, fmt.Sprintf("%s=%v", key, r.Inputs[key]))
		}
		lines = append(lines, strings.Join(words, " "))
	}
	slices.Sort(lines)
	return lines
}

func wantLines(t *testing.T, got []inventory.Resource, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(lines(got), want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines(got), "\n"), strings.Join(want, "\n"))
	}
}

func TestEC2OwnsWhatIsTaggedAndExists(t *testing.T) {
	e := inventory.EC2{
		Names: map[string]string{
			"vpc-1": "net-vpc", "nat-1": "net-nat", "nat-2": "net-nat", "vpce-1": "net-s3", "sg-1": "net-locked", "sg-2": "net-endpoints",
			"eni-1": "fleet", "eni-2": "cache-shard-00", "i-1": "fleet", "vol-1": "fleet",
		},
		States:        map[string]string{"nat-1": "deleted", "nat-2": "pending", "vpce-1": "Deleting"},
		DefaultGroups: []string{"sg-1"}, LaunchedInterfaces: []string{"eni-1"},
	}
	wantLines(t, e.Owned(), restype.VPC+" vpc-1 vpc-1 net-vpc", restype.NATGateway+" nat-2 nat-2 net-nat",
		restype.SecurityGroup+" sg-2 sg-2 net-endpoints", restype.NetworkInterface+" eni-2 eni-2 cache-shard-00")
}

func TestEC2StatesThatMeanGone(t *testing.T) {
	for state, exists := range map[string]bool{
		"available": true, "pending": true, "": true, "deleting": false, "deleted": false, "failed": false, "rejected": false, "Expired": false,
	} {
		e := inventory.EC2{Names: map[string]string{"nat-1": "net-nat"}, States: map[string]string{"nat-1": state}}
		if got := len(e.Owned()) == 1; got != exists {
			t.Errorf("a gateway in state %q: owned %t, want %t", state, got, exists)
		}
	}
}

func TestEC2RoutesAndAssociations(t *testing.T) {
	e := inventory.EC2{RouteTables: []inventory.RouteTable{{
		ID: "rtb-uswest1",
		Routes: []inventory.Route{
			{Destination: "10.42.0.0/16", Origin: "CreateRouteTable", GatewayID: "local"},
			{Destination: "0.0.0.0/0", Origin: "CreateRoute"},
			{Origin: "CreateRoute", GatewayID: "vpce-1"},
			{Destination: "10.8.0.0/16", Origin: "CreateRoute", GatewayID: "vpce-1"},
			{Destination: "10.9.0.0/16", Origin: "EnableVgwRoutePropagation", GatewayID: "vgw-1"},
		},
		Associations: []inventory.TableAssociation{
			{ID: "rtbassoc-main", Main: true}, {ID: "rtbassoc-main-2", SubnetID: "subnet-2", Main: true}, {ID: "rtbassoc-gateway"},
			{ID: "rtbassoc-1", SubnetID: "subnet-1", State: "associated"}, {ID: "rtbassoc-2", SubnetID: "subnet-2"},
			{ID: "rtbassoc-3", SubnetID: "subnet-3", State: "disassociating"}, {ID: "rtbassoc-4", SubnetID: "subnet-4", State: "disassociated"},
			{ID: "rtbassoc-5", SubnetID: "subnet-5", State: "failed"},
		},
	}}}
	wantLines(t, e.Owned(),
		// The number is the provider's, from a real account.
		restype.Route+" r-rtb-uswest11080289494 rtb-uswest1_0.0.0.0/0  destinationCidrBlock=0.0.0.0/0 routeTableId=rtb-uswest1",
		restype.RouteTableAssociation+" rtbassoc-1 subnet-1/rtb-uswest1  subnetId=subnet-1",
		restype.RouteTableAssociation+" rtbassoc-2 subnet-2/rtb-uswest1  subnetId=subnet-2")
}

func TestEC2ResourcesWithQueriesOfTheirOwn(t *testing.T) {
	e := inventory.EC2{
		Names: map[string]string{"eni-1": "net-nat-instance-a"},
		Rules: []inventory.SecurityGroupRule{{ID: "sgr-1", Name: "in"}, {ID: "sgr-2", Name: "out", Egress: true}},
		Addresses: []inventory.Address{
			{AllocationID: "eipalloc-1", AssociationID: "eipassoc-1", InterfaceID: "eni-1"},
			{AllocationID: "eipalloc-2", AssociationID: "eipassoc-2", InterfaceID: "eni-of-a-gateway"},
			{AllocationID: "eipalloc-3", InterfaceID: "eni-1"}, {AllocationID: "eipalloc-4"},
		},
		Volumes:      []inventory.Volume{{ID: "vol-1", Name: "cache-shard-00", Zone: "us-west-1a", GiB: 512}},
		Reservations: []inventory.CIDRReservation{{ID: "scr-1", SubnetID: "subnet-1", CIDR: "10.42.224.0/26"}},
	}
	wantLines(t, e.Owned(), restype.NetworkInterface+" eni-1 eni-1 net-nat-instance-a",
		restype.IngressRule+" sgr-1 sgr-1 in", restype.EgressRule+" sgr-2 sgr-2 out",
		restype.EIPAssociation+" eipassoc-1 eipassoc-1  allocationId=eipalloc-1",
		restype.Volume+" vol-1 vol-1 cache-shard-00 availabilityZone=us-west-1a size=512",
		restype.SubnetCIDRReservation+" scr-1 subnet-1:scr-1  cidrBlock=10.42.224.0/26 subnetId=subnet-1")
}
