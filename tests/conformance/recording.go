//go:build conformance

// Package conformance runs the program through the real providers, against servers that stand for the clouds' APIs, and through the
// emulated cloud, and compares what comes of it. `make conformance` runs it; docs/testing.md says what it can and cannot show.
package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// object is a JSON object.
type object = map[string]any

// whole writes a number of JSON as a whole one: ASNs of four bytes would get an exponent.
func whole(value any) string {
	n, _ := value.(float64)
	return strconv.FormatInt(int64(n), 10)
}

// interfaceAddress is the address of one of a gateway's interfaces. What is 0 is left out of requests.
func interfaceAddress(gateway object, list string, number any) string {
	for _, each := range objects(gateway[list]) {
		if whole(each["id"]) == whole(number) {
			return fmt.Sprint(each["ipAddress"])
		}
	}
	return ""
}

// request is one call that changes something, as it came.
type request struct {
	Method, Path string
	Body         object
}

// recorder is as much of Compute Engine's API as the link and the admission rule need. It stores what is posted and answers operations
// as done at once and 404 for what it never saw. What it adds to an object is what GCP adds to it: links, addresses, and the values that
// GCP fills in and the provider reads back. It refuses what GCP refuses where the order of operations shows: a second object of one name,
// a link to nothing, the deletion of what is in use.
type recorder struct {
	server *httptest.Server

	mu       sync.Mutex
	things   map[string]object // by path, from projects/ on
	requests []request
	asked    []string // every call with its status, to look at when something fails
}

// endpoint is the path of the API on the server, and links its form in everything that GCP says.
const (
	endpoint = "/compute/v1/"
	links    = "https://www.googleapis.com/compute/v1/"
)

// record starts a server that has a network and, in it, what else is there before a region comes up.
func record(t testing.TB, project, network, policy string) *recorder {
	t.Helper()
	r := &recorder{things: map[string]object{}}
	r.put("projects/"+project+"/global/networks/"+network, object{"name": network, "autoCreateSubnetworks": true})
	if policy != "" {
		r.put("projects/"+project+"/global/securityPolicies/"+policy, object{"name": policy, "rules": []any{
			object{"priority": 2147483647.0, "action": "deny(403)", "description": "default rule"},
		}})
	}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	return r
}

// env is the environment by which the provider finds the server.
func (r *recorder) env() map[string]string {
	return map[string]string{
		"GOOGLE_COMPUTE_CUSTOM_ENDPOINT": r.server.URL + endpoint, "GOOGLE_OAUTH_ACCESS_TOKEN": "none", "GOOGLE_CREDENTIALS": "",
		"PULUMI_GCP_SKIP_REGION_VALIDATION": "true", "NO_PROXY": "127.0.0.1",
	}
}

// all gives everything that is there, by path.
func (r *recorder) all() map[string]object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.things)
}

// paths gives where everything is, sorted.
func (r *recorder) paths() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.things))
}

// log gives every call with its answer's code.
func (r *recorder) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.asked, "\n") + "\n"
}

// posted gives a value with which a thing was made, the last time.
func (r *recorder) posted(path, key string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	collection, name := path[:strings.LastIndexByte(path, '/')], path[strings.LastIndexByte(path, '/')+1:]
	for _, q := range slices.Backward(r.requests) {
		if q.Method == http.MethodPost && q.Path == collection && q.Body["name"] == name {
			return fmt.Sprint(q.Body[key])
		}
	}
	return ""
}

// refusal is an answer other than 200.
type refusal struct {
	code            int
	reason, message string
}

func (e *refusal) Error() string { return e.message }

func missing(path string) error {
	return &refusal{http.StatusNotFound, "notFound", "The resource '" + path + "' was not found"}
}

func (r *recorder) serve(w http.ResponseWriter, q *http.Request) {
	var body, sent object
	text, err := io.ReadAll(q.Body)
	if err == nil && len(text) > 0 {
		err = errors.Join(json.Unmarshal(text, &body), json.Unmarshal(text, &sent))
	}
	path := strings.TrimPrefix(q.URL.Path, endpoint)
	body, _ = public(body).(object)
	r.mu.Lock()
	defer r.mu.Unlock()
	var answer any
	if err == nil {
		answer, err = r.answer(q.Method, path, q.URL.Query().Get("priority"), body)
	}
	code := http.StatusOK
	if err != nil {
		refused, ok := err.(*refusal) //nolint:errorlint // nothing wraps it on the way here
		if !ok {
			refused = &refusal{http.StatusBadRequest, "invalid", err.Error()}
		}
		code = refused.code
		answer = object{"error": object{"code": code, "message": refused.message, "errors": []any{object{"reason": refused.reason, "message": refused.message}}}}
	}
	r.asked = append(r.asked, fmt.Sprintf("%s %s %d", q.Method, path, code))
	if q.Method != http.MethodGet && err == nil {
		r.requests = append(r.requests, request{q.Method, path, sent})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // a provider that has gone hears nothing
}

var (
	// inRule are the calls on one rule of a policy.
	inRule = regexp.MustCompile(`^(projects/[^/]+/global/securityPolicies/[^/]+)/(addRule|getRule|patchRule|removeRule)$`)
	// inCollection is a collection, and oneThing one thing in it.
	inCollection = regexp.MustCompile(`^projects/[^/]+/(global|regions/[^/]+)/[a-zA-Z]+$`)
	oneThing     = regexp.MustCompile(`^projects/[^/]+/(global|regions/[^/]+)/([a-zA-Z]+)/[^/]+$`)
)

// answer decides and acts: the caller holds the lock.
func (r *recorder) answer(method, path, priority string, body object) (any, error) {
	if m := inRule.FindStringSubmatch(path); m != nil {
		return r.rule(m[1], m[2], priority, body)
	}
	if m := oneThing.FindStringSubmatch(path); m != nil && m[2] == "operations" {
		return done(path), nil
	}
	if inCollection.MatchString(path) && method == http.MethodPost {
		return r.create(path, body)
	}
	thing, found := r.things[path]
	if !found {
		return nil, missing(path)
	}
	if method == http.MethodGet {
		return thing, nil
	}
	return done(path), r.change(method, path, thing, body)
}

// change changes or deletes one thing.
func (r *recorder) change(method, path string, thing, body object) error {
	switch method {
	case http.MethodDelete:
		if user := r.userOf(path); user != "" {
			return &refusal{http.StatusBadRequest, "resourceInUseByAnotherResource", "The resource '" + path + "' is already being used by '" + user + "'"}
		}
		delete(r.things, path)
	case http.MethodPatch, http.MethodPut:
		changed := maps.Clone(thing)
		maps.Copy(changed, body)
		r.put(path, changed)
	default:
		return &refusal{http.StatusNotImplemented, "notImplemented", "this server knows no " + method + " " + path}
	}
	return nil
}

func (r *recorder) create(collection string, body object) (any, error) {
	path := collection + "/" + fmt.Sprint(body["name"])
	if _, found := r.things[path]; found {
		return nil, &refusal{http.StatusConflict, "alreadyExists", "The resource '" + path + "' already exists"}
	}
	for _, link := range linksIn(body) {
		if _, found := r.things[link]; !found {
			return nil, fmt.Errorf("invalid value: the referenced resource '%s' cannot be found", link)
		}
	}
	r.put(path, body)
	return done(path), nil
}

// rule works on one rule of a policy, of which each priority has at most one.
func (r *recorder) rule(path, action, asked string, body object) (any, error) {
	policy, found := r.things[path]
	if !found {
		return nil, missing(path)
	}
	priority := asked
	if priority == "" {
		priority = fmt.Sprint(body["priority"])
	}
	rules, _ := policy["rules"].([]any)
	at := slices.IndexFunc(rules, func(one any) bool { return fmt.Sprint(one.(object)["priority"]) == priority })
	switch {
	case action == "addRule" && at >= 0:
		return nil, fmt.Errorf("cannot have rules with the same priority")
	case action == "addRule":
		rules = append(slices.Clone(rules), body)
	case at < 0:
		return nil, fmt.Errorf("the policy does not contain a rule at priority %s", priority)
	case action == "getRule":
		return rules[at], nil
	case action == "removeRule":
		rules = slices.Delete(slices.Clone(rules), at, at+1)
	default:
		changed := maps.Clone(rules[at].(object))
		maps.Copy(changed, body)
		rules = slices.Clone(rules)
		rules[at] = changed
	}
	changed := maps.Clone(policy)
	changed["rules"] = rules
	r.things[path] = changed
	return done(path), nil
}

// put stores a thing with what GCP adds to it.
func (r *recorder) put(path string, thing object) {
	parts := strings.Split(path, "/")
	scope, kind := strings.Join(parts[:len(parts)-2], "/"), parts[len(parts)-2]
	set := func(of object, values object) {
		for key, value := range values {
			if _, given := of[key]; !given {
				of[key] = value
			}
		}
	}
	set(thing, object{"selfLink": links + path, "id": fmt.Sprint(number(path)), "creationTimestamp": "2025-01-01T00:00:00.000-08:00"})
	if strings.Contains(scope, "/regions/") {
		set(thing, object{"region": links + scope})
	}
	switch kind {
	case "vpnGateways":
		set(thing, object{"stackType": "IPV4_ONLY", "labelFingerprint": "none", "vpnInterfaces": []any{
			object{"id": 0.0, "ipAddress": address(path + "/0")}, object{"id": 1.0, "ipAddress": address(path + "/1")},
		}})
	case "externalVpnGateways":
		set(thing, object{"labelFingerprint": "none"})
	case "vpnTunnels":
		// The key comes back as its hash alone.
		set(thing, object{
			"sharedSecretHash": fmt.Sprint(number(fmt.Sprint(thing["sharedSecret"]))), "status": "FIRST_HANDSHAKE", "detailedStatus": "",
			"labelFingerprint": "none", "localTrafficSelector": []any{"0.0.0.0/0"}, "remoteTrafficSelector": []any{"0.0.0.0/0"},
			"peerIp": interfaceAddress(r.things[strings.TrimPrefix(fmt.Sprint(thing["peerExternalGateway"]), links)], "interfaces", thing["peerExternalGatewayInterface"]),
		})
		thing["sharedSecret"] = "*************"
	case "routers":
		for _, each := range objects(thing["interfaces"]) {
			set(each, object{"managementType": "MANAGED_BY_USER", "ipVersion": "IPV4"})
		}
		for _, each := range objects(thing["bgpPeers"]) {
			set(each, object{"managementType": "MANAGED_BY_USER", "enable": "TRUE", "enableIpv4": true, "advertiseMode": "DEFAULT", "bfd": object{
				"sessionInitializationMode": "DISABLED", "minReceiveInterval": 1000.0, "minTransmitInterval": 1000.0, "multiplier": 5.0,
			}})
		}
	case "firewalls":
		set(thing, object{"priority": 1000.0, "disabled": false, "logConfig": object{"enable": false}})
	}
	r.things[path] = thing
}

// userOf is what else names a thing.
func (r *recorder) userOf(path string) string {
	for _, other := range slices.Sorted(maps.Keys(r.things)) {
		if other != path && slices.Contains(linksIn(r.things[other]), path) {
			return other
		}
	}
	return ""
}

// linksIn gives what a thing refers to: every link to a single thing but its own.
func linksIn(thing object) []string {
	var found []string
	for key, value := range thing {
		if text, ok := value.(string); ok && key != "selfLink" {
			if path := strings.TrimPrefix(text, links); oneThing.MatchString(path) {
				found = append(found, path)
			}
		}
		if key == "interfaces" {
			for _, each := range objects(value) {
				found = append(found, linksIn(each)...)
			}
		}
	}
	return found
}

// public gives every link the form that GCP gives it, whatever server it was sent to, and drops nulls, as GCP does: the provider sends
// "md5AuthenticationKeys":[null] and panics when that comes back.
func public(value any) any {
	switch v := value.(type) {
	case object:
		for key, each := range v {
			v[key] = public(each)
		}
	case []any:
		kept := []any{}
		for _, each := range v {
			if each != nil {
				kept = append(kept, public(each))
			}
		}
		return kept
	case string:
		if _, path, found := strings.Cut(v, endpoint); found && strings.HasPrefix(v, "http") {
			return links + path
		}
		if oneThing.MatchString(v) {
			return links + v
		}
	}
	return value
}

func objects(value any) []object {
	list, _ := value.([]any)
	var all []object
	for _, each := range list {
		if o, ok := each.(object); ok {
			all = append(all, o)
		}
	}
	return all
}

// done is an operation that has ended well.
func done(path string) object {
	scope, _, _ := strings.Cut(path, "/operations/")
	return object{
		"kind": "compute#operation", "name": "operation-" + fmt.Sprint(number(path)), "status": "DONE", "progress": 100.0,
		"targetLink": links + path, "targetId": fmt.Sprint(number(path)), "selfLink": links + scope + "/operations/operation-" + fmt.Sprint(number(path)),
	}
}

func number(text string) uint32 {
	h := fnv.New32a()
	_, _ = io.Copy(h, bytes.NewBufferString(text)) // a hash takes everything
	return h.Sum32()
}

// address makes a public address out of a name.
func address(name string) string {
	n := number(name)
	return fmt.Sprintf("35.%d.%d.%d", n%200+20, n/256%250+1, n/65536%250+1)
}
