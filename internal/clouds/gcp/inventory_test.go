package gcp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/beachhead-build/beachhead/internal/clouds"
	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// fakeProject answers as Compute Engine does: lists in pages, one filter, errors with reasons.
type fakeProject struct {
	// lists are what there is, by the path below the project.
	lists map[string][]object
	// policy is the one security policy; nil: none.
	policy object
	// refuse has reasons by path.
	refuse map[string]string

	mu    sync.Mutex
	calls []string
}

type object = map[string]any

func (f *fakeProject) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/projects/acme-backend/")
	f.mu.Lock()
	f.calls = append(f.calls, path)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	switch list, there := f.lists[path]; {
	case f.refuse[path] != "":
		googleRefuses(w, http.StatusForbidden, f.refuse[path])
	case there:
		_ = json.NewEncoder(w).Encode(pageOf(list, r.URL.Query().Get("filter"), r.URL.Query().Get("pageToken")))
	case path == "global/securityPolicies/edge" && f.policy != nil:
		_ = json.NewEncoder(w).Encode(f.policy)
	default:
		googleRefuses(w, http.StatusNotFound, "notFound")
	}
}

func googleRefuses(w http.ResponseWriter, status int, reason string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object{"error": object{"code": status, "message": "Required permission for 'projects/acme-backend'",
		"errors": []object{{"message": "no", "domain": "global", "reason": reason}}}})
}

// pageOf gives two things a page of those that fit the filter, which is a whole regular expression.
func pageOf(list []object, filter, token string) object {
	fits := regexp.MustCompile("^(" + strings.TrimPrefix(filter, "name eq ") + ")$")
	list = slices.DeleteFunc(slices.Clone(list), func(o object) bool { return !fits.MatchString(o["name"].(string)) })
	from, _ := strconv.Atoi(token)
	next := min(from+2, len(list))
	page := object{"kind": "compute#list", "id": "projects/acme-backend/list"}
	if from < len(list) { // an empty list has no items at all
		page["items"] = list[from:next]
	}
	if next < len(list) {
		page["nextPageToken"] = strconv.Itoa(next)
	}
	return page
}

// projectOf has a link and a rule of each stack, in one project.
func projectOf(stacks ...string) *fakeProject {
	rules := []object{{"kind": "compute#securityPolicyRule", "priority": 2147483647, "description": "default rule", "action": "allow"}}
	f := &fakeProject{lists: map[string][]object{}}
	add := func(path string, o object) { f.lists[path] = append(f.lists[path], o) }
	for n, stack := range stacks {
		name := func(end string) string { return "beachhead-" + stack + "-" + end }
		router := object{"kind": "compute#router", "name": name("router-default"), "bgp": object{"asn": 64520}}
		var interfaces, peers []object
		for i := range 4 {
			add("regions/us-west2/vpnTunnels", object{"kind": "compute#vpnTunnel", "name": name(fmt.Sprint("tunnel-", i)), "status": "ESTABLISHED"})
			interfaces = append(interfaces, object{"name": name(fmt.Sprint("interface-", i)), "ipRange": "169.254.20.2/30",
				"managementType": "MANAGED_BY_USER"})
			peers = append(peers, object{"name": name(fmt.Sprint("peer-", i)), "interfaceName": name(fmt.Sprint("interface-", i)), "peerAsn": 64620})
		}
		router["interfaces"], router["bgpPeers"] = append(interfaces, object{"name": "theirs"}), append(peers, object{"name": "theirs"})
		add("regions/us-west2/routers", router)
		add("regions/us-west2/vpnGateways", object{"kind": "compute#vpnGateway", "name": name("gateway-default")})
		add("global/externalVpnGateways", object{"kind": "compute#externalVpnGateway", "name": name("aws"),
			"redundancyType": "FOUR_IPS_REDUNDANCY"})
		add("global/firewalls", object{"kind": "compute#firewall", "name": name("service-api")})
		rules = append(rules, object{"priority": 100 + n, "description": "Beachhead: runners of " + stack, "action": "allow"})
	}
	add("global/firewalls", object{"kind": "compute#firewall", "name": "default-allow-ssh"})
	f.policy = object{"kind": "compute#securityPolicy", "name": "edge", "rules": rules}
	return f
}

func (f *fakeProject) serve(t *testing.T) Inventory {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return Inventory{Project: "acme-backend", Region: "us-west2", Policy: "edge", client: server.Client(), root: server.URL + "/"}
}

func lines(all []inventory.Resource) []string {
	var lines []string
	for _, o := range all {
		words := []string{o.Type, o.ID, o.ImportID}
		for _, key := range slices.Sorted(maps.Keys(o.Inputs)) {
			words = append(words, fmt.Sprintf("%s=%v", key, o.Inputs[key]))
		}
		lines = append(lines, strings.Join(words, " "))
	}
	slices.Sort(lines)
	return lines
}

func TestGCPOwnsALinkAndARule(t *testing.T) {
	f := projectOf("us", "us-west-1")
	all, err := f.serve(t).FindOwned(t.Context(), "us")
	if err != nil {
		t.Fatal(err)
	}
	const here, global = "projects/acme-backend/regions/us-west2/", "projects/acme-backend/global/"
	twice := func(id string) string { return id + " " + id }
	want := []string{
		"gcp:compute/externalVpnGateway:ExternalVpnGateway " + twice(global+"externalVpnGateways/beachhead-us-aws") + " name=beachhead-us-aws",
		"gcp:compute/firewall:Firewall " + twice(global+"firewalls/beachhead-us-service-api") + " name=beachhead-us-service-api",
		"gcp:compute/haVpnGateway:HaVpnGateway " + twice(here+"vpnGateways/beachhead-us-gateway-default") + " name=beachhead-us-gateway-default",
		"gcp:compute/router:Router " + twice(here+"routers/beachhead-us-router-default") + " name=beachhead-us-router-default",
		"gcp:compute/securityPolicyRule:SecurityPolicyRule " + twice(global+"securityPolicies/edge/priority/100") +
			" priority=100 securityPolicy=edge",
	}
	for i := range 4 {
		n := strconv.Itoa(i)
		want = append(want,
			"gcp:compute/vPNTunnel:VPNTunnel "+twice(here+"vpnTunnels/beachhead-us-tunnel-"+n)+" name=beachhead-us-tunnel-"+n,
			"gcp:compute/routerInterface:RouterInterface us-west2/beachhead-us-router-default/beachhead-us-interface-"+n+
				" acme-backend/us-west2/beachhead-us-router-default/beachhead-us-interface-"+n+
				" name=beachhead-us-interface-"+n+" router=beachhead-us-router-default",
			"gcp:compute/routerPeer:RouterPeer "+twice(here+"routers/beachhead-us-router-default/beachhead-us-peer-"+n)+
				" name=beachhead-us-peer-"+n+" router=beachhead-us-router-default")
	}
	slices.Sort(want)
	if got := lines(all); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestGCPAsksOnlyWhatThePlanHas(t *testing.T) {
	f := projectOf("us")
	g := f.serve(t)
	g.Region = ""
	all, err := g.FindOwned(t.Context(), "us")
	if err != nil || len(all) != 1 || !slices.Equal(f.calls, []string{"global/securityPolicies/edge"}) {
		t.Errorf("%v and %v by %q, want one rule by one call", lines(all), err, f.calls)
	}
	f.calls = nil
	g.Region, g.Policy = "us-west2", ""
	if all, err = g.FindOwned(t.Context(), "us"); err != nil || len(all) != 16 || slices.Contains(f.calls, "global/securityPolicies/edge") {
		t.Errorf("%v and %v by %q, want a link and no rule", lines(all), err, f.calls)
	}
}

func TestGCPLeavesOutWhatIsGone(t *testing.T) {
	f := projectOf("us")
	f.policy = nil
	f.lists["regions/us-west2/vpnTunnels"][3]["status"] = "DEPROVISIONING"
	all, err := f.serve(t).FindOwned(t.Context(), "us")
	if err != nil || len(all) != 15 || strings.Contains(strings.Join(lines(all), " "), "tunnel-3") {
		t.Errorf("%v: %v, want 15 things", err, lines(all))
	}
}

func TestGCPNamesEveryMissingPermission(t *testing.T) {
	f := projectOf("us")
	f.refuse = map[string]string{
		"regions/us-west2/routers": "forbidden", "global/securityPolicies/edge": "forbidden", "global/firewalls": "rateLimitExceeded",
	}
	_, err := f.serve(t).FindOwned(t.Context(), "us")
	want := "GCP in acme-backend denies compute.routers.list, compute.securityPolicies.get; allow these actions"
	if !errors.Is(err, clouds.ErrNotAllowed) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestGCPIsNotSilentAboutOtherErrors(t *testing.T) {
	f := projectOf("us")
	f.refuse = map[string]string{"global/firewalls": "accessNotConfigured"}
	_, err := f.serve(t).FindOwned(t.Context(), "us")
	if want := `GCP in acme-backend: compute.firewalls.list failed with "accessNotConfigured"; run the command again`; err == nil ||
		err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	dead := f.serve(t)
	dead.root = "http://127.0.0.1:1/"
	if _, err := dead.FindOwned(t.Context(), "us"); err == nil || !strings.Contains(err.Error(), "run the command again") {
		t.Errorf("%v, want the next step", err)
	}
	// A proxy's page in place of an answer.
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		http.Error(w, "<html>", http.StatusBadGateway)
	}))
	t.Cleanup(page.Close)
	dead.root = page.URL + "/"
	if _, err := dead.FindOwned(t.Context(), "us"); err == nil || !strings.Contains(err.Error(), "502 Bad Gateway") {
		t.Errorf("%v, want the status", err)
	}
}

func TestGCPWithoutCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	_, err := Inventory{Project: "acme-backend", Region: "us-west2"}.FindOwned(t.Context(), "us")
	if err == nil || !strings.Contains(err.Error(), "gcloud auth application-default login") {
		t.Errorf("%v, want what to do", err)
	}
}

// A service account's key, as people download it, against a token server of the test's own.
func TestGCPUsesTheApplicationDefaultCredentials(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	project := projectOf("us")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"of-the-key","token_type":"Bearer","expires_in":3600}`)
		case r.Header.Get("Authorization") != "Bearer of-the-key":
			googleRefuses(w, http.StatusUnauthorized, "authError")
		default:
			project.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	text, err := json.Marshal(object{"type": "service_account", "client_email": "ci@acme-backend.iam.gserviceaccount.com",
		"token_uri":   server.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	all, err := Inventory{Project: "acme-backend", Region: "us-west2", Policy: "edge", root: server.URL + "/"}.FindOwned(t.Context(), "us")
	if err != nil || len(all) != 17 {
		t.Errorf("%d things and %v, want 17", len(all), err)
	}
}

func TestJoined(t *testing.T) {
	one, two := projectOf("us"), projectOf("us")
	a, b := one.serve(t), two.serve(t)
	all, err := clouds.Joined{a, b}.FindOwned(t.Context(), "us")
	if err != nil || len(all) != 34 {
		t.Errorf("%d things and %v, want those of both", len(all), err)
	}
	one.refuse, two.refuse = map[string]string{"global/firewalls": "forbidden"}, map[string]string{"regions/us-west2/routers": "forbidden"}
	if _, err := (clouds.Joined{a, b}).FindOwned(t.Context(), "us"); err == nil || !strings.Contains(err.Error(), "firewalls") ||
		!strings.Contains(err.Error(), "routers") {
		t.Errorf("%v, want what both refuse", err)
	}
	if all, err := (clouds.Joined{}).FindOwned(t.Context(), "us"); err != nil || len(all) != 0 {
		t.Errorf("%v and %v, want nothing", all, err)
	}
}

// The table of resource types, from which the documentation's table of permissions is generated, has exactly what the search requests.
func TestPermissionsAreThoseOfTheRequests(t *testing.T) {
	f := projectOf("us")
	if _, err := f.serve(t).FindOwned(t.Context(), "us"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, path := range f.calls {
		got = append(got, (&apiError{path: path}).permission())
	}
	slices.Sort(got)
	want := slices.DeleteFunc(restype.SearchPermissions(), func(p string) bool { return !strings.HasPrefix(p, "compute.") })
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("the search needs %q, the table of resource types has %q", got, want)
	}
}

// A request that cannot even be built is an error, and not a project without resources.
func TestGCPReportsARequestThatCannotBeBuilt(t *testing.T) {
	g := projectOf("us").serve(t)
	g.root = "http://no host/"
	if all, err := g.FindOwned(t.Context(), "us"); err == nil || len(all) > 0 || !strings.Contains(err.Error(), "run the command again") {
		t.Errorf("%v, %v; want an error with the next step", all, err)
	}
}
