package plan

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// bucketPattern and the variables after it are S3's rules. Source: Amazon S3 user guide, "General purpose bucket naming
// rules".
var (
	bucketPattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	bucketEndings    = []string{"-s3alias", "--ol-s3", "--x-s3", "--table-s3"}
	bucketBeginnings = []string{"xn--", "sthree-", "amzn-s3-demo-"}
)

// S3 accepts the bucket's name for every name of a region file.
func TestBucketNames(t *testing.T) {
	name := rapid.OneOf(
		rapid.StringMatching(`[a-z]([a-z0-9-]{0,30}[a-z0-9])?`), rapid.StringMatching(`[a-z][a-z0-9-]{30}[a-z0-9]`),
		rapid.SampledFrom([]string{"a-s3alias", "a--x-s3", "xn--a"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		got := bucketName(name.Draw(t, "name"), rapid.StringMatching(`[0-9]{12}`).Draw(t, "account"))
		if !bucketPattern.MatchString(got) {
			t.Fatalf("%q is no name for a bucket", got)
		}
		for _, ending := range bucketEndings {
			if strings.HasSuffix(got, ending) {
				t.Fatalf("%q ends as S3's own", got)
			}
		}
		for _, beginning := range bucketBeginnings {
			if strings.HasPrefix(got, beginning) {
				t.Fatalf("%q begins as S3's own", got)
			}
		}
	})
}

func TestSecrets(t *testing.T) {
	p := mustBuild(t, func(c *regionfile.Config) {
		c.Runners = map[string]regionfile.Runner{}
		for fleet, token := range map[string]string{"a": "z-token", "b": "ci-worker-token", "c": "z-token", "d": ""} {
			c.Runners[fleet] = regionfile.Runner{
				Arch: regionfile.ARM64, InstanceTypes: []string{"m7g.large"}, Count: regionfile.Count{Max: 1},
				Agent: regionfile.Agent{Kind: regionfile.JobServ, URL: "https://ci.example.com", Token: token},
			}
		}
	})
	if got := p.SecretNames(); !slices.Equal(got, []string{"ci-worker-token", "z-token"}) {
		t.Errorf("secrets %q", got)
	}
	if got := mustBuild(t, nil).SecretNames(); got == nil || len(got) != 0 {
		t.Errorf("a region without fleets needs %#v", got)
	}
}

func TestAdmission(t *testing.T) {
	cases := []struct {
		name string
		gcp  *regionfile.GCP
		want *Admission
	}{
		{"no GCP", nil, nil},
		{"no policy", &regionfile.GCP{Link: regionfile.NoLink}, nil},
		{"without a link, so public", &regionfile.GCP{Link: regionfile.NoLink,
			SecurityPolicy: &regionfile.SecurityPolicy{Name: "edge", Priority: 4200}}, &Admission{"acme-backend", "edge", 4200}},
		{"public beside a link", &regionfile.GCP{Path: regionfile.PublicPath, SecurityPolicy: &regionfile.SecurityPolicy{Name: "edge"}},
			&Admission{"acme-backend", "edge", 0}},
		{"private", &regionfile.GCP{SecurityPolicy: &regionfile.SecurityPolicy{Name: "edge", Priority: 4200}}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := mustBuild(t, func(f *regionfile.Config) {
				if f.GCP = c.gcp; f.GCP != nil {
					f.GCP.Project, f.GCP.ASN = "acme-backend", regionfile.ASN{AWS: 64620, GCP: 64520}
				}
			})
			if (p.Admission == nil) != (c.want == nil) || c.want != nil && *p.Admission != *c.want {
				t.Errorf("admission %+v, want %+v", p.Admission, c.want)
			}
		})
	}
}

func TestNeedsInJSON(t *testing.T) {
	text, err := json.Marshal(mustBuild(t, func(c *regionfile.Config) {
		c.Alerts = regionfile.Alerts{Email: []string{"ci@example.com"}, Webhooks: []string{"https://hooks.example.com"}}
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"bucket":"beachhead-us-west-2-210987654321"`, `"alerts":{"email":["ci@example.com"],"webhooks":["https://hooks.example.com"]}`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s\nlacks %s", text, want)
		}
	}
	if strings.Contains(string(text), "admission") {
		t.Error("an admission without a policy")
	}
}

func TestAgentKey(t *testing.T) {
	for arch, want := range map[regionfile.Arch]string{regionfile.ARM64: "agent/5e/beachhead-node-linux-arm64",
		regionfile.AMD64: "agent/5e/beachhead-node-linux-amd64"} {
		if got := AgentKey(arch, "5e"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
