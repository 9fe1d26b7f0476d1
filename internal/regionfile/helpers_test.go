package regionfile

import (
	"strings"
	"testing"
)

// validFile is a valid region file with every section. The tests edit it. It has no anchors, so an edit changes one place.
const validFile = `aws:
  account: "210987654321"
  region: us-west-1
  zones: [us-west-1a, us-west-1b]
posture: active
ready: 10m
network:
  cidr: 10.42.0.0/16
  egress: nat-gateway-per-zone
runners:
  containers-arm64:
    arch: arm64
    instanceTypes: [m7g.2xlarge, m6g.2xlarge]
    count: {min: 2, max: 24}
    onDemand: {base: 1, percent: 25}
    disk: 200GiB
    image: debian-12
    cache: true
    agent:
      kind: jobserv
      url: https://ci.example.com
      tags: [aarch64, armhf]
      concurrency: 2
      token: ci-worker-token
  own-amd64:
    arch: x86_64
    instanceTypes: [c7i.8xlarge, c6i.8xlarge]
    count: {min: 0, max: 12}
    agent:
      kind: command
      commands: {install: ./install, register: ./register, drain: ./drain, unregister: ./unregister}
cache:
  shards: 4
  instanceTypes: [m7g.4xlarge, m6g.4xlarge]
  volume: {size: 2TiB, iops: 8000, throughput: 1000}
  seed: {region: us-east-2}
  pins: {acme: 2}
gcp:
  project: acme-backend
  region: us-west2
  link: ha-vpn
  asn: {aws: 64620, gcp: 64520}
  services:
    - {name: api, host: api.example.com, address: 10.128.0.10, ports: [443, 8443]}
    - {name: ci, host: ci.example.com, address: 10.128.0.20, ports: [443]}
alerts:
  email: [ci-oncall@example.com]
tags: {cost-center: ci}
`

// minimalFile is the smallest valid region file.
const minimalFile = `aws:
  account: "210987654321"
  region: us-west-1
  zones: [us-west-1a]
network:
  cidr: 10.42.0.0/16
`

const testFile = "regions/us-west-1.yaml"

// mustParse parses a valid text and fills in the defaults.
func mustParse(tb testing.TB, text string) *Config {
	tb.Helper()
	c, err := Parse(testFile, []byte(text))
	if err != nil {
		tb.Fatalf("Parse: %v", err)
	}
	c.Default()
	return c
}

// compareProblems compares problems, in the order of the file, with the wanted texts. Each wanted text is a part of the
// problem's line.
func compareProblems(t *testing.T, got []Problem, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d problems; want %d", len(got), len(want))
	}
	for i, p := range got {
		if i >= len(want) || !strings.Contains(p.Error(), want[i]) {
			t.Errorf("got  %s", p)
		}
	}
	for i, w := range want {
		if i >= len(got) || !strings.Contains(got[i].Error(), w) {
			t.Errorf("want %s", w)
		}
	}
}

// checkOneLine checks that a problem is a single line that ends with the next step.
func checkOneLine(tb testing.TB, p Problem) {
	tb.Helper()
	if text := p.Error(); strings.ContainsAny(text, "\n\r") || p.Want == "" || !strings.Contains(text, "; want ") {
		tb.Errorf("not one line with a next step: %q", text)
	}
}
