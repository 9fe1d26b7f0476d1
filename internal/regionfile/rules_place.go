package regionfile

import (
	"slices"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

var placeRules = []Rule{
	{"aws.region", "Must be an AWS region.", (*checker).awsRegion},
	{"aws.zones", "Each zone belongs to aws.region and is listed once. A zone letter that Beachhead's tables do not list is a warning, because letters differ between accounts.", (*checker).zones},
	{"ready", "Must be 1m to 24h.", (*checker).ready},
}

func (k *checker) awsRegion() {
	known := ec2types.Regions()
	if k.AWS.Region == "" || len(ec2types.Zones(k.AWS.Region)) > 0 {
		return
	}
	want := nearest(k.AWS.Region, known)
	if want == "" {
		want = "one of " + joinOr(known)
	}
	k.bad("aws.region", quote(k.AWS.Region)+" is not an AWS region", want)
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
			k.bad(p, quote(zone)+" is not a zone of "+k.AWS.Region, joinOr(known))
		case seen[zone]:
			k.bad(p, quote(zone)+" is listed twice", "each zone once")
		case !slices.Contains(known, zone):
			k.warn(p, quote(zone)+" is not in Beachhead's tables, which list "+joinAnd(known), "a zone of your account (letters differ between accounts; preflight queries AWS)")
		}
		seen[zone] = true
	}
}

func (k *checker) ready() {
	if d := time.Duration(k.Ready); d < time.Minute || d > 24*time.Hour {
		k.bad("ready", k.Ready.String()+" is out of range", "1m to 24h, for example 15m")
	}
}
