package regionfile

import (
	"slices"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

var awsRules = []Rule{
	{
		On:    "aws.region",
		Says:  "Must be an AWS region.",
		check: (*checker).checkAWSRegion,
	},
	{
		On: "aws.zones",
		Says: "Each zone belongs to aws.region and is listed once. A zone letter that Beachhead's tables do not list " +
			"is a warning, because letters differ between accounts.",
		check: (*checker).checkZones,
	},
	{
		On:    "ready",
		Says:  "Must be 1m to 24h.",
		check: (*checker).checkReady,
	},
}

func (k *checker) checkAWSRegion() {
	known := ec2types.RegionNames()
	if k.AWS.Region == "" || len(ec2types.ZoneNames(k.AWS.Region)) > 0 {
		return
	}
	want := suggestName(k.AWS.Region, known)
	if want == "" {
		want = "one of " + joinOr(known)
	}
	k.reportError("aws.region", quoteValue(k.AWS.Region)+" is not an AWS region", want)
}

func (k *checker) checkZones() {
	known := ec2types.ZoneNames(k.AWS.Region)
	if len(known) == 0 || !k.areIntact("aws.region") {
		return
	}
	seen := map[string]bool{}
	for i, zone := range k.AWS.Zones {
		p := keyPath("aws.zones").item(i)
		letter, ofRegion := strings.CutPrefix(zone, k.AWS.Region)
		switch {
		case !ofRegion || len(letter) != 1 || letter < "a" || letter > "z":
			k.reportError(p, quoteValue(zone)+" is not a zone of "+k.AWS.Region, joinOr(known))
		case seen[zone]:
			k.reportError(p, quoteValue(zone)+" is listed twice", "each zone once")
		case !slices.Contains(known, zone):
			k.reportWarning(p, quoteValue(zone)+" is not in Beachhead's tables, which list "+joinAnd(known),
				"a zone of your account (letters differ between accounts; preflight queries AWS)")
		}
		seen[zone] = true
	}
}

func (k *checker) checkReady() {
	if d := time.Duration(k.Ready); d < time.Minute || d > 24*time.Hour {
		k.reportError("ready", k.Ready.String()+" is out of range", "1m to 24h, for example 15m")
	}
}
