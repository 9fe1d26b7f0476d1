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

var labelRules = []Rule{
	{"alerts.email", "E-mail addresses, each once.", (*checker).emails},
	{"alerts.webhooks", "https, with a host, without user, password, query and fragment, and with no part that looks like a key. Each once.", (*checker).webhooks},
	{"tags", "At most 40, since AWS takes 50 and Beachhead sets its own; keys of 1 to 128 and values of up to 256 letters, digits, spaces and _ . : / = + - @; never Name, and never with the prefix aws: or beachhead:.", (*checker).labels},
}

func (k *checker) emails() {
	for i, text := range k.Alerts.Email {
		p := place("alerts.email").at(i)
		// ParseAddress takes "Name <a@b>" too; the notification service takes the bare address only.
		a, err := mail.ParseAddress(text)
		switch {
		case text == "":
		case err != nil || a.Address != text || !strings.Contains(text[strings.LastIndexByte(text, '@'):], "."):
			k.bad(p, quote(text)+" is no e-mail address", "an address such as ci-oncall@example.com")
		case slices.Contains(k.Alerts.Email[:i], text):
			k.bad(p, quote(text)+" is there twice", "each address once")
		}
	}
}

// webhooks refuses addresses with a secret in them, and never prints one. Services hand out addresses that are the key to themselves: in a
// region file everybody who reads the project would have it.
func (k *checker) webhooks() {
	const keyless = "an address without one: a relay of yours that adds the key, or the service's e-mail address under alerts.email"
	for i, text := range k.Alerts.Webhooks {
		p := place("alerts.webhooks").at(i)
		wrong, secret := httpsFault(text)
		switch {
		case text == "":
		case secret:
			k.bad(p, wrong, keyless)
		case keyInPath(text):
			k.bad(p, "holds what looks like a key (not printed)", keyless)
		case wrong != "":
			k.bad(p, wrong, "an https address such as https://hooks.example.com/alarms")
		case slices.Contains(k.Alerts.Webhooks[:i], text):
			k.bad(p, quote(text)+" is there twice", "each address once")
		}
	}
}

// keyInPath leaves the host out, which may be as odd as it likes: everybody can look it up.
func keyInPath(text string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.ContainsFunc(strings.Split(u.Path, "/"), looksSecret)
}

// Bounds of tags. Source: AWS, "Tag naming limits and requirements".
const (
	longestTagKey   = 128
	longestTagValue = 256
	mostTags        = 40
)

// tagText is what every AWS service takes in tags.
var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

func (k *checker) labels() {
	if n := len(k.Tags); n > mostTags {
		k.bad("tags", fmt.Sprintf("has %d tags", n), fmt.Sprintf("at most %d", mostTags))
	}
	for key, value := range k.Tags {
		p := place("tags").key(key)
		lower := strings.ToLower(key)
		switch {
		case key == "" || utf8.RuneCountInString(key) > longestTagKey || !tagText.MatchString(key):
			k.bad(p, "the key does not fit", "1 to 128 letters, digits, spaces and _ . : / = + - @")
		case strings.HasPrefix(lower, "aws:") || strings.HasPrefix(lower, "beachhead:") || key == "Name":
			k.bad(p, "the key is set by AWS or by Beachhead", "another key, for example team")
		}
		if utf8.RuneCountInString(value) > longestTagValue || !tagText.MatchString(value) {
			k.bad(p, quote(value)+" does not fit", "up to 256 letters, digits, spaces and _ . : / = + - @")
		}
	}
}
