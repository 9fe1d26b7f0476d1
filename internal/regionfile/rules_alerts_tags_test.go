package regionfile

import (
	"strings"
	"testing"
)

func TestAlertAndTagRules(t *testing.T) {
	checkRules(t, []ruleCase{
		{"address with a name", func(c *Config) { c.Alerts.Email[0] = "CI <ci@example.com>" },
			[]string{`:47: alerts.email[0]: "CI <ci@example.com>" is not an e-mail address`}},
		{"address without a domain", func(c *Config) { c.Alerts.Email[0] = "ci@localhost" },
			[]string{`alerts.email[0]: "ci@localhost" is not an e-mail address`}},
		{"address twice", func(c *Config) { c.Alerts.Email = append(c.Alerts.Email, c.Alerts.Email[0]) },
			[]string{`alerts.email[1]: "ci-oncall@example.com" is listed twice`}},
		{"webhooks", func(c *Config) {
			c.Alerts.Webhooks = []string{"https://hooks.example.com/alarms", "https://a1b2c3d4e5f6g7h8i9j0k1l2.lambda-url.us-west-1.on.aws:8443/"}
		}, nil},
		{"webhook in the clear", withWebhooks("http://hooks.example.com/a"),
			[]string{`alerts.webhooks[0]: "http://hooks.example.com/a" is not an https address; want an https address such as ` +
				`https://hooks.example.com/alarms`}},
		{"webhook without a host", withWebhooks("https:///a"), []string{`alerts.webhooks[0]: "https:///a" is not an https address`}},
		{"webhook unreadable", withWebhooks("https://u:p@["), []string{`alerts.webhooks[0]: is not a valid address; want`}},
		{"webhook empty", withWebhooks(""), []string{`alerts.webhooks[0]: is empty; want`}},
		{"webhook with a password", withWebhooks("https://u:hunter2@hooks.example.com"),
			[]string{`alerts.webhooks[0]: contains a user or password (not printed); want an address without one`}},
		{"webhook with a query", withWebhooks("http://hooks.example.com/?key=hunter2"),
			[]string{`alerts.webhooks[0]: has a ? or # part, which may contain a secret (not printed); want an address without one`}},
		{"webhook with a key in it", withWebhooks("http://hooks.example.com/services/T0/hunter2hunter2hunter2"),
			[]string{`alerts.webhooks[0]: contains a part that looks like a key (not printed); want an address without one: your own relay`}},
		{"webhook twice", withWebhooks("https://hooks.example.com", "https://hooks.example.com"),
			[]string{`alerts.webhooks[1]: "https://hooks.example.com" is listed twice`}},
		{"tag of AWS", func(c *Config) { c.Tags["AWS:x"] = "y" }, []string{`:48: tags["AWS:x"]: is reserved for AWS or Beachhead`}},
		{"tag of ours", func(c *Config) { c.Tags["beachhead:region"] = "y" },
			[]string{`tags["beachhead:region"]: is reserved for AWS or Beachhead`}},
		{"tag Name", func(c *Config) { c.Tags["Name"] = "y" }, []string{`tags.Name: is reserved for AWS or Beachhead`}},
		{"tag key too long", func(c *Config) { c.Tags[strings.Repeat("k", 129)] = "y" }, []string{`: is not a valid tag key; want 1 to 128`}},
		{"tag value too long", func(c *Config) { c.Tags["k"] = strings.Repeat("y", 257) }, []string{`tags.k: "yyyy`}},
		{"tag value odd", func(c *Config) { c.Tags["k"] = "a\nb;" }, []string{`tags.k: "a\nb;" is not valid`}},
		{"too many tags", func(c *Config) {
			for i := range 40 {
				c.Tags[strings.Repeat("k", i+1)] = ""
			}
		}, []string{`:48: tags: has 41 tags; want at most 40`}},
	})
}
