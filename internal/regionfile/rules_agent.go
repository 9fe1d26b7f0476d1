package regionfile

import (
	"net/url"
	"regexp"
	"strings"
)

func (k *checker) agentAccess() {
	k.eachRunner(func(p place, r Runner) {
		a := r.Agent
		p += ".agent"
		if !allowed(a.Kind, string(a.Kind)) {
			return
		}
		if a.URL == "" && a.Kind != Command {
			k.bad(p+".url", "is missing, and kind "+string(a.Kind)+" needs it", "the CI server's address, for example https://ci.example.com")
		}
		if a.Token == "" && a.Kind != Command {
			k.bad(p+".token", "is missing, and kind "+string(a.Kind)+" needs it", "the name of a stack secret, for example ci-worker-token")
		}
		if a.URL != "" {
			k.agentURL(p+".url", a.URL)
		}
	})
}

func (k *checker) agentURL(p place, text string) {
	want := "an https address such as https://ci.example.com"
	wrong, secret := httpsFault(text)
	if secret {
		want = "the address alone; the secret belongs into agent.token"
	}
	if wrong != "" {
		k.bad(p, wrong, want)
	}
}

// registryMirrors refuses what the Docker engine refuses, since it would not start. Source: moby, ValidateMirror in registry/config.go.
func (k *checker) registryMirrors() {
	k.eachRunner(func(p place, r Runner) {
		if r.RegistryMirror == "" {
			return
		}
		wrong, secret := httpsFault(r.RegistryMirror)
		want := "an https address such as https://mirror.example.com"
		if secret {
			want = "the address alone: the container engine takes no mirror that asks who it is"
		}
		if u, err := url.Parse(r.RegistryMirror); wrong == "" && err == nil && strings.Trim(u.Path, "/") != "" {
			wrong, want = quote(r.RegistryMirror)+" has a path, which the container engine does not take", "https://"+u.Host
		}
		if wrong != "" {
			k.bad(p+".registryMirror", wrong, want)
		}
	})
}

// httpsFault says what keeps a text from being an https address and nothing more; "" when nothing does. Secret says that it may hold one: then it
// is not printed.
func httpsFault(text string) (wrong string, secret bool) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "is no address", false // not printed: it may hold a password
	case u.User != nil:
		return "holds a user or password (not printed)", true
	case u.RawQuery != "" || u.Fragment != "":
		return "has a ? or # part, which may hold a secret (not printed)", true
	case u.Scheme != "https" || u.Hostname() == "" || strings.Contains(text, " "):
		return quote(text) + " is no https address", false
	}
	return "", false
}

// secretForms are what tokens of CI systems and clouds look like: GitHub, GitLab, Buildkite, AWS keys, JSON Web Tokens.
var secretForms = regexp.MustCompile(`^(gh[opsur]_|github_pat_|gl[a-z]{2,6}-[A-Za-z0-9_-]{20}|GR1348941|bkct|bkua_|AKIA|ASIA|eyJ)`)

// randomPart is how long a run of letters and digits may be before digits in it make it look drawn by lot.
const randomPart = 16

func (k *checker) agentToken() {
	k.eachRunner(func(p place, r Runner) {
		if looksSecret(r.Agent.Token) {
			k.bad(p+".agent.token", "looks like a secret itself (not printed); take it out of the file and its history, and revoke it",
				"the name of a stack secret, for example ci-worker-token")
		}
	})
}

// looksSecret says whether a text looks like a token and not like a name: it has a known form, or a long part with three
// digits or more among its letters.
func looksSecret(s string) bool {
	if secretForms.MatchString(s) {
		return true
	}
	for part := range strings.FieldsFuncSeq(s, func(c rune) bool { return strings.ContainsRune("-._", c) }) {
		digits := 0
		for _, c := range part {
			if c >= '0' && c <= '9' {
				digits++
			}
		}
		if len(part) >= randomPart && digits >= 3 {
			return true
		}
	}
	return false
}

func (k *checker) agentCommands() {
	k.eachRunner(func(p place, r Runner) {
		p += ".agent.commands"
		switch kind := r.Agent.Kind; {
		case !allowed(kind, string(kind)):
		case kind == Command && r.Agent.Commands == nil:
			k.bad(p, "is missing, and kind command needs it", "a mapping with the keys install, register, drain and unregister")
		case kind != Command && r.Agent.Commands != nil:
			k.bad(p, "is there, and kind "+string(kind)+" has commands of its own", "kind: command, or no commands")
		}
	})
}
