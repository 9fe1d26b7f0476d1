package regionfile

import (
	"testing"
)

func TestAWSRules(t *testing.T) {
	checkRules(t, []ruleCase{
		{"nothing", func(*Config) {}, nil},
		{"account", func(c *Config) { c.AWS.Account = "12" }, []string{`:2: aws.account: "12" is not valid; want the twelve digits`}},
		{"no account", func(c *Config) { c.AWS.Account = "" }, []string{`:2: aws.account: is missing; want the twelve digits`}},
		{"region, near", func(c *Config) { c.AWS.Region = "us-wset-1" },
			[]string{`:3: aws.region: "us-wset-1" is not an AWS region; want us-west-1`}},
		{"region, far", func(c *Config) { c.AWS.Region = "mars" },
			[]string{`:3: aws.region: "mars" is not an AWS region; want one of af-south-1, `}},
		{"zone of another region", func(c *Config) { c.AWS.Zones[1] = "us-east-2b" },
			[]string{`:4: aws.zones[1]: "us-east-2b" is not a zone of us-west-1; want us-west-1a or us-west-1b`}},
		{"local zone", func(c *Config) { c.AWS.Zones[1] = "us-west-1-sfo-1a" },
			[]string{`aws.zones[1]: "us-west-1-sfo-1a" is not a zone of us-west-1`}},
		{"zone twice", func(c *Config) { c.AWS.Zones[1] = "us-west-1a" }, []string{`aws.zones[1]: "us-west-1a" is listed twice`}},
		{"no zones", func(c *Config) { c.AWS.Zones = nil }, []string{`:4: aws.zones: is missing; want a list of one to six zones`}},
		{"ready too short", func(c *Config) { c.Ready = 1 }, []string{`:6: ready: 1ns is out of range; want 1m to 24h`}},
		{"ready too long", func(c *Config) { c.Ready *= 1000 }, []string{`:6: ready: 166h40m is out of range`}},
		{"posture", func(c *Config) { c.Posture = "on" }, []string{`:5: posture: "on" is not a posture; want active, standby or draining`}},
	})
}
