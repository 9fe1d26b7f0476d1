package regionfile

import (
	"slices"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

var placeRules = []Rule{
	{"aws.region", "A region that AWS has.", (*checker).awsRegion},
	{"aws.zones", "Each zone is of the region and there once. A letter that Beachhead's tables do not know is a warning, since letters differ between accounts.", (*checker).zones},
	{"ready", "1m to 24h.", (*checker).ready},
}

func (k *checker) awsRegion() {
	known := ec2types.Regions()
	if k.AWS.Region == "" || len(ec2types.Zones(k.AWS.Region)) > 0 {
		return
	}
	want := nearest(k.AWS.Region, known)
	if want == "" {
		want = "one of " + either(known)
	}
	k.bad("aws.region", quote(k.AWS.Region)+" is no AWS region", want)
}

func (k *checker) zones() {
	known := ec2types.Zones(k.AWS.Region)
	if len(known) == 0 || !k.sound("aws.region") {
		return
	}
	seen := map[string]bool{}
	for i, zone := range k.AWS.Zones {
		p := place("aws.zones").at(i)
		letter, ofRegion := strings.CutPrefix(zone, k.AWS.Region)
		switch {
		case !ofRegion || len(letter) != 1 || letter < "a" || letter > "z":
			k.bad(p, quote(zone)+" is no zone of "+k.AWS.Region, either(known))
		case seen[zone]:
			k.bad(p, quote(zone)+" is there twice", "each zone once")
		case !slices.Contains(known, zone):
			k.warn(p, quote(zone)+" is not in our tables, which know "+both(known), "a zone that your account has: letters differ between accounts, and preflight asks AWS")
		}
		seen[zone] = true
	}
}

func (k *checker) ready() {
	if d := time.Duration(k.Ready); d < time.Minute || d > 24*time.Hour {
		k.bad("ready", k.Ready.String()+" is no time to wait for a region", "1m to 24h, for example 15m")
	}
}
