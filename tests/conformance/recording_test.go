//go:build conformance

package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// callRecorder asks the recorder and gives the code of its answer.
func callRecorder(t *testing.T, r *recorder, method, path, body string) int {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, r.server.URL+endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// What passes here although GCP refuses it would make the whole suite say less than it seems to.
func TestRecorderRefuses(t *testing.T) {
	const global, region = "projects/acme-backend/global/", "projects/acme-backend/regions/us-west1/"
	const gateway = `{"name":"g","network":"projects/acme-backend/global/networks/default"}`
	const policy = global + "securityPolicies/edge"
	for name, c := range map[string]struct {
		// before must succeed.
		before             [][3]string
		method, path, body string
		want               int
	}{
		"nothing there": {nil, "GET", region + "vpnGateways/g", "", 404},
		"no collection": {nil, "POST", "projects/acme-backend/zones/a/disks", `{"name":"d"}`, 404},
		"a link to nothing": {nil, "POST", region + "vpnGateways", `{"name":"g","network":"projects/acme-backend/global/networks/other"}`,
			400},
		"fine":          {nil, "POST", region + "vpnGateways", gateway, 200},
		"there already": {[][3]string{{"POST", region + "vpnGateways", gateway}}, "POST", region + "vpnGateways", gateway, 409},
		"in use":        {[][3]string{{"POST", region + "vpnGateways", gateway}}, "DELETE", global + "networks/default", "", 400},
		"the priority is taken": {[][3]string{{"POST", policy + "/addRule", `{"priority":7}`}}, "POST", policy + "/addRule", `{"priority":7}`,
			400},
		"no rule at the priority": {nil, "GET", policy + "/getRule?priority=7", "", 400},
		"not JSON":                {nil, "POST", region + "vpnGateways", `{"name":`, 400},
		"no such action":          {nil, "POST", global + "networks/default", "{}", 501},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRecorder(t, project, "default", "edge")
			for _, b := range c.before {
				if got := callRecorder(t, r, b[0], b[1], b[2]); got != http.StatusOK {
					t.Fatalf("%v: %d", b, got)
				}
			}
			if got := callRecorder(t, r, c.method, c.path, c.body); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}
