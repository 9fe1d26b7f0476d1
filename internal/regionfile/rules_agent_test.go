package regionfile

import (
	"testing"
)

func TestAgentRules(t *testing.T) {
	checkRules(t, []ruleCase{
		{"mirror by http", editARMFleet(func(r *Runner) { r.RegistryMirror = "http://mirror.example.com" }),
			[]string{`runners.containers-arm64.registryMirror: "http://mirror.example.com" is not an https address; want an https address such ` +
				`as https://mirror.example.com`}},
		{"mirror with a password", editARMFleet(func(r *Runner) { r.RegistryMirror = "https://u:hunter2@mirror.example.com" }),
			[]string{`registryMirror: contains a user or password (not printed); want the address alone`}},
		{"mirror with a path", editARMFleet(func(r *Runner) { r.RegistryMirror = "https://mirror.example.com:5000/hub" }),
			[]string{`registryMirror: "https://mirror.example.com:5000/hub" has a path, which the container engine does not accept; want ` +
				`https://mirror.example.com:5000`}},
		{"mirror", editARMFleet(func(r *Runner) { r.RegistryMirror = "https://mirror.example.com:5000/" }), nil},

		{"no url", editARMFleet(func(r *Runner) { r.Agent.URL = "" }),
			[]string{`:21: runners.containers-arm64.agent.url: is missing, and kind jobserv requires it; want the CI server's address`}},
		{"http", editARMFleet(func(r *Runner) { r.Agent.URL = "http://ci.example.com" }),
			[]string{`agent.url: "http://ci.example.com" is not an https address`}},
		{"no host", editARMFleet(func(r *Runner) { r.Agent.URL = "https:///x" }), []string{`agent.url: "https:///x" is not an https address`}},
		{"unreadable url", editARMFleet(func(r *Runner) { r.Agent.URL = "https://u:p@[" }), []string{`agent.url: is not a valid address; want`}},
		{"password in url", editARMFleet(func(r *Runner) { r.Agent.URL = "https://u:hunter2@ci.example.com" }),
			[]string{`agent.url: contains a user or password (not printed); want the address alone: store the secret as a stack secret`}},
		{"query in url", editARMFleet(func(r *Runner) { r.Agent.URL = "https://ci.example.com/?token=hunter2" }),
			[]string{`agent.url: has a ? or # part, which may contain a secret (not printed); want the address alone: store the secret as a ` +
				`stack secret`}},
		{"query in a plain url", editARMFleet(func(r *Runner) { r.Agent.URL = "http://ci.example.com/?token=hunter2" }),
			[]string{`agent.url: has a ? or # part, which may contain a secret (not printed); want the address alone: store the secret as a ` +
				`stack secret`}},
		{"no token", editARMFleet(func(r *Runner) { r.Agent.Token = "" }),
			[]string{`agent.token: is missing, and kind jobserv requires it; want the name of a stack secret`}},
		{"token itself", editARMFleet(func(r *Runner) { r.Agent.Token = "a81hf0a9e8fj2lk3j4lkjsdf" }),
			[]string{`agent.token: looks like the token itself (not printed)`}},
		{"commands for another kind", editARMFleet(func(r *Runner) { r.Agent.Commands = &Commands{"a", "b", "c", "d"} }),
			[]string{`agent.commands: is set, and kind jobserv has its own commands`}},
		{"no commands", func(c *Config) { c.editRunner("own-amd64", func(r *Runner) { r.Agent.Commands = nil }) },
			[]string{`runners.own-amd64.agent.commands: is missing, and kind command requires it; want a mapping with the keys install, ` +
				`register, drain and unregister`}},
		{"a command missing", func(c *Config) { c.editRunner("own-amd64", func(r *Runner) { r.Agent.Commands.Drain = "" }) },
			[]string{`runners.own-amd64.agent.commands.drain: is missing; want a string`}},
		{"concurrency", editARMFleet(func(r *Runner) { r.Agent.Concurrency = 65 }),
			[]string{`agent.concurrency: 65 is too large; want a whole number from 1 to 64`}},
	})
}
