package regionfile

import (
	"net/url"
	"regexp"
	"strings"
)

func (k *checker) checkAgentAccess() {
	k.forEachRunner(func(p keyPath, r Runner) {
		a := r.Agent
		p += ".agent"
		if !isAllowed(a.Kind, string(a.Kind)) {
			return
		}
		if a.URL == "" && a.Kind != Command {
			k.reportError(p+".url", "is missing, and kind "+string(a.Kind)+" requires it",
				"the CI server's address, for example https://ci.example.com")
		}
		if a.Token == "" && a.Kind != Command {
			k.reportError(p+".token", "is missing, and kind "+string(a.Kind)+" requires it",
				"the name of a stack secret, for example ci-worker-token")
		}
		if a.URL != "" {
			k.checkAgentURL(p+".url", a.URL)
		}
	})
}

func (k *checker) checkAgentURL(p keyPath, text string) {
	want := "an https address such as https://ci.example.com"
	wrong, secret := findHTTPSFault(text)
	if secret {
		want = "the address alone: store the secret as a stack secret, and name it in agent.token"
	}
	if wrong != "" {
		k.reportError(p, wrong, want)
	}
}

// checkRegistryMirrors refuses the addresses that the Docker engine refuses, because the engine would not start. Source:
// moby, ValidateMirror in registry/config.go.
func (k *checker) checkRegistryMirrors() {
	k.forEachRunner(func(p keyPath, r Runner) {
		if r.RegistryMirror == "" {
			return
		}
		wrong, secret := findHTTPSFault(r.RegistryMirror)
		want := "an https address such as https://mirror.example.com"
		if secret {
			want = "the address alone: the container engine does not log in to a mirror"
		}
		if u, err := url.Parse(r.RegistryMirror); wrong == "" && err == nil && strings.Trim(u.Path, "/") != "" {
			wrong, want = quoteValue(r.RegistryMirror)+" has a path, which the container engine does not accept", "https://"+u.Host
		}
		if wrong != "" {
			k.reportError(p+".registryMirror", wrong, want)
		}
	})
}

// findHTTPSFault returns why a text is not a plain https address, or returns "". secret means that the text may contain a
// secret, so messages must not print it.
func findHTTPSFault(text string) (wrong string, secret bool) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "is not a valid address", false // not printed: it may contain a password
	case u.User != nil:
		return "contains a user or password (not printed)", true
	case u.RawQuery != "" || u.Fragment != "":
		return "has a ? or # part, which may contain a secret (not printed)", true
	case u.Scheme != "https" || u.Hostname() == "" || strings.Contains(text, " "):
		return quoteValue(text) + " is not an https address", false
	}
	return "", false
}

// tokenPattern matches tokens of CI systems and clouds: GitHub, GitLab, Buildkite, AWS keys, JSON Web Tokens.
var tokenPattern = regexp.MustCompile(`^(gh[opsur]_|github_pat_|gl[a-z]{2,6}-[A-Za-z0-9_-]{20}|GR1348941|bkct|bkua_|AKIA|ASIA|eyJ)`)

// minRandomLength is the length from which a run of letters and digits counts as random if it contains three digits.
const minRandomLength = 16

func (k *checker) checkAgentToken() {
	k.forEachRunner(func(p keyPath, r Runner) {
		if looksLikeSecret(r.Agent.Token) {
			k.reportError(p+".agent.token", "looks like the token itself (not printed): revoke it, and remove it from the file and its history",
				"the name of a stack secret, for example ci-worker-token")
		}
	})
}

// looksLikeSecret reports whether a text looks like a token and not like a name: it has a known form, or a long part with
// three or more digits.
func looksLikeSecret(s string) bool {
	if tokenPattern.MatchString(s) {
		return true
	}
	for part := range strings.FieldsFuncSeq(s, func(c rune) bool { return strings.ContainsRune("-._", c) }) {
		digits := 0
		for _, c := range part {
			if c >= '0' && c <= '9' {
				digits++
			}
		}
		if len(part) >= minRandomLength && digits >= 3 {
			return true
		}
	}
	return false
}

func (k *checker) checkAgentCommands() {
	k.forEachRunner(func(p keyPath, r Runner) {
		p += ".agent.commands"
		switch kind := r.Agent.Kind; {
		case !isAllowed(kind, string(kind)):
		case kind == Command && r.Agent.Commands == nil:
			k.reportError(p, "is missing, and kind command requires it", "a mapping with the keys install, register, drain and unregister")
		case kind != Command && r.Agent.Commands != nil:
			k.reportError(p, "is set, and kind "+string(kind)+" has its own commands", "kind: command, or no commands")
		}
	})
}
