package regionfile

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var alertAndTagRules = []Rule{
	{
		On:    "alerts.email",
		Says:  "Lists e-mail addresses, each once.",
		check: (*checker).checkEmails,
	},
	{
		On: "alerts.webhooks",
		Says: "Lists https addresses, each once, without user, password, query and fragment, and without a part that " +
			"looks like a key.",
		check: (*checker).checkWebhooks,
	},
	{
		On: "tags",
		Says: "At most 40 tags, because AWS allows 50 and Beachhead sets its own. Keys have 1 to 128 characters and " +
			"values up to 256: letters, digits, spaces and _ . : / = + - @. The key Name and the prefixes aws: and " +
			"beachhead: are reserved.",
		check: (*checker).checkTags,
	},
}

func (k *checker) checkEmails() {
	for i, text := range k.Alerts.Email {
		p := keyPath("alerts.email").item(i)
		// ParseAddress also accepts "Name <a@b>". The notification service accepts only the bare address.
		a, err := mail.ParseAddress(text)
		switch {
		case text == "":
		case err != nil || a.Address != text || !strings.Contains(text[strings.LastIndexByte(text, '@'):], "."):
			k.reportError(p, quoteValue(text)+" is not an e-mail address", "an address such as ci-oncall@example.com")
		case slices.Contains(k.Alerts.Email[:i], text):
			k.reportError(p, quoteValue(text)+" is listed twice", "each address once")
		}
	}
}

// checkWebhooks refuses addresses that contain a secret, and never prints them. Some services issue addresses that are
// themselves the key. In a region file, everyone who reads the project would see the key.
func (k *checker) checkWebhooks() {
	const keyless = "an address without one: your own relay that adds the key, or the service's e-mail address in alerts.email"
	for i, text := range k.Alerts.Webhooks {
		p := keyPath("alerts.webhooks").item(i)
		wrong, secret := findHTTPSFault(text)
		switch {
		case text == "":
		case secret:
			k.reportError(p, wrong, keyless)
		case hasKeyInPath(text):
			k.reportError(p, "contains a part that looks like a key (not printed)", keyless)
		case wrong != "":
			k.reportError(p, wrong, "an https address such as https://hooks.example.com/alarms")
		case slices.Contains(k.Alerts.Webhooks[:i], text):
			k.reportError(p, quoteValue(text)+" is listed twice", "each address once")
		}
	}
}

// hasKeyInPath reports whether the path of an address contains a key. It ignores the host, which is public and may look
// random.
func hasKeyInPath(text string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.ContainsFunc(strings.Split(u.Path, "/"), looksLikeSecret)
}

// Limits of tags. Source: AWS, "Tag naming limits and requirements".
const (
	maxTagKeyLength   = 128
	maxTagValueLength = 256
	maxTags           = 40
)

// tagPattern matches the characters that every AWS service accepts in tags.
var tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

func (k *checker) checkTags() {
	if n := len(k.Tags); n > maxTags {
		k.reportError("tags", fmt.Sprintf("has %d tags", n), fmt.Sprintf("at most %d", maxTags))
	}
	for key, value := range k.Tags {
		p := keyPath("tags").child(key)
		lower := strings.ToLower(key)
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKeyLength || !tagPattern.MatchString(key):
			k.reportError(p, "is not a valid tag key", "1 to 128 letters, digits, spaces and _ . : / = + - @")
		case strings.HasPrefix(lower, "aws:") || strings.HasPrefix(lower, "beachhead:") || key == "Name":
			k.reportError(p, "is reserved for AWS or Beachhead", "another key, for example team")
		}
		if utf8.RuneCountInString(value) > maxTagValueLength || !tagPattern.MatchString(value) {
			k.reportError(p, quoteValue(value)+" is not valid", "up to 256 letters, digits, spaces and _ . : / = + - @")
		}
	}
}
