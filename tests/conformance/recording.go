//go:build conformance

// Package conformance runs the program through the real providers, against servers that stand for the clouds' APIs, and through the
// emulated cloud. It compares the results. `make conformance` runs it; docs/testing.md says what it can and cannot show.
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

// formatWhole formats a number of JSON without an exponent, which ASNs of four bytes would get.
func formatWhole(value any) string {
	n, _ := value.(float64)
	return strconv.FormatInt(int64(n), 10)
}

// interfaceAddress returns the address of one of a gateway's interfaces. Requests leave out the number 0.
func interfaceAddress(gateway object, list string, number any) string {
	for _, each := range listObjects(gateway[list]) {
		if formatWhole(each["id"]) == formatWhole(number) {
			return fmt.Sprint(each["ipAddress"])
		}
	}
	return ""
}

// request is one call that changes something, as the recorder received it.
type request struct {
	Method, Path string
	Body         object
}

// recorder is the part of Compute Engine's API that the link and the admission rule need. It stores posted objects, reports every operation
// as done at once, and answers 404 for objects that it never stored. It adds to an object what GCP adds: links, addresses, and the values
// that GCP fills in and the provider reads back. It refuses what GCP refuses if the order of operations is wrong: a second object with the
// same name, a link to an object that does not exist, the deletion of an object in use.
type recorder struct {
	server *httptest.Server

	mu       sync.Mutex
	objects  map[string]object // by path, from projects/ on
	requests []request
	calls    []string // every call with its status, for a failed test
}

// endpoint is the path of the API on the server. links is its form in all answers of GCP.
const (
	endpoint = "/compute/v1/"
	links    = "https://www.googleapis.com/compute/v1/"
)

// startRecorder starts a server with the network, and the policy, that exist before a region comes up.
func startRecorder(t testing.TB, project, network, policy string) *recorder {
	t.Helper()
	r := &recorder{objects: map[string]object{}}
	r.storeObject("projects/"+project+"/global/networks/"+network, object{"name": network, "autoCreateSubnetworks": true})
	if policy != "" {
		r.storeObject("projects/"+project+"/global/securityPolicies/"+policy, object{"name": policy, "rules": []any{
			object{"priority": 2147483647.0, "action": "deny(403)", "description": "default rule"},
		}})
	}
	r.server = httptest.NewServer(http.HandlerFunc(r.serveAPI))
	t.Cleanup(r.server.Close)
	return r
}

// environment returns the environment by which the provider finds the server.
func (r *recorder) environment() map[string]string {
	return map[string]string{
		"GOOGLE_COMPUTE_CUSTOM_ENDPOINT": r.server.URL + endpoint, "GOOGLE_OAUTH_ACCESS_TOKEN": "none", "GOOGLE_CREDENTIALS": "",
		"PULUMI_GCP_SKIP_REGION_VALIDATION": "true", "NO_PROXY": "127.0.0.1",
	}
}

// allObjects returns every object by its path.
func (r *recorder) allObjects() map[string]object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.objects)
}

// objectPaths returns the paths of all objects, sorted.
func (r *recorder) objectPaths() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.objects))
}

// callLog returns every call with the status of its answer.
func (r *recorder) callLog() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.calls, "\n") + "\n"
}

// postedValue returns a value of the last request that created an object.
func (r *recorder) postedValue(path, key string) string {
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

func newNotFound(path string) error {
	return &refusal{http.StatusNotFound, "notFound", "The resource '" + path + "' was not found"}
}

func (r *recorder) serveAPI(w http.ResponseWriter, q *http.Request) {
	var body, sent object
	text, err := io.ReadAll(q.Body)
	if err == nil && len(text) > 0 {
		err = errors.Join(json.Unmarshal(text, &body), json.Unmarshal(text, &sent))
	}
	path := strings.TrimPrefix(q.URL.Path, endpoint)
	body, _ = publicForm(body).(object)
	r.mu.Lock()
	defer r.mu.Unlock()
	var answer any
	if err == nil {
		answer, err = r.answerCall(q.Method, path, q.URL.Query().Get("priority"), body)
	}
	code := http.StatusOK
	if err != nil {
		refused, ok := err.(*refusal) //nolint:errorlint // nothing wraps it on the way here
		if !ok {
			refused = &refusal{http.StatusBadRequest, "invalid", err.Error()}
		}
		code = refused.code
		answer = object{"error": object{"code": code, "message": refused.message,
			"errors": []any{object{"reason": refused.reason, "message": refused.message}}}}
	}
	r.calls = append(r.calls, fmt.Sprintf("%s %s %d", q.Method, path, code))
	if q.Method != http.MethodGet && err == nil {
		r.requests = append(r.requests, request{q.Method, path, sent})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // the provider may have ended
}

var (
	// inRule are the calls on one rule of a policy.
	inRule = regexp.MustCompile(`^(projects/[^/]+/global/securityPolicies/[^/]+)/(addRule|getRule|patchRule|removeRule)$`)
	// inCollection is a collection, and oneObject one thing in it.
	inCollection = regexp.MustCompile(`^projects/[^/]+/(global|regions/[^/]+)/[a-zA-Z]+$`)
	oneObject    = regexp.MustCompile(`^projects/[^/]+/(global|regions/[^/]+)/([a-zA-Z]+)/[^/]+$`)
)

// answerCall executes one call. The caller holds the lock.
func (r *recorder) answerCall(method, path, priority string, body object) (any, error) {
	if m := inRule.FindStringSubmatch(path); m != nil {
		return r.changeRule(m[1], m[2], priority, body)
	}
	if m := oneObject.FindStringSubmatch(path); m != nil && m[2] == "operations" {
		return doneOperation(path), nil
	}
	if inCollection.MatchString(path) && method == http.MethodPost {
		return r.createObject(path, body)
	}
	thing, found := r.objects[path]
	if !found {
		return nil, newNotFound(path)
	}
	if method == http.MethodGet {
		return thing, nil
	}
	return doneOperation(path), r.changeObject(method, path, thing, body)
}

// changeObject changes or deletes one object.
func (r *recorder) changeObject(method, path string, thing, body object) error {
	switch method {
	case http.MethodDelete:
		if user := r.userOf(path); user != "" {
			return &refusal{http.StatusBadRequest, "resourceInUseByAnotherResource", "The resource '" + path + "' is already being used by '" +
				user + "'"}
		}
		delete(r.objects, path)
	case http.MethodPatch, http.MethodPut:
		changed := maps.Clone(thing)
		maps.Copy(changed, body)
		r.storeObject(path, changed)
	default:
		return &refusal{http.StatusNotImplemented, "notImplemented", "this server knows no " + method + " " + path}
	}
	return nil
}

func (r *recorder) createObject(collection string, body object) (any, error) {
	path := collection + "/" + fmt.Sprint(body["name"])
	if _, found := r.objects[path]; found {
		return nil, &refusal{http.StatusConflict, "alreadyExists", "The resource '" + path + "' already exists"}
	}
	for _, link := range linksIn(body) {
		if _, found := r.objects[link]; !found {
			return nil, fmt.Errorf("invalid value: the referenced resource '%s' cannot be found", link)
		}
	}
	r.storeObject(path, body)
	return doneOperation(path), nil
}

// changeRule executes a call on one rule of a policy. Each priority has at most one rule.
func (r *recorder) changeRule(path, action, asked string, body object) (any, error) {
	policy, found := r.objects[path]
	if !found {
		return nil, newNotFound(path)
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
	r.objects[path] = changed
	return doneOperation(path), nil
}

// storeObject stores an object with what GCP adds to it.
func (r *recorder) storeObject(path string, thing object) {
	parts := strings.Split(path, "/")
	scope, kind := strings.Join(parts[:len(parts)-2], "/"), parts[len(parts)-2]
	set := func(of object, values object) {
		for key, value := range values {
			if _, given := of[key]; !given {
				of[key] = value
			}
		}
	}
	set(thing, object{"selfLink": links + path, "id": fmt.Sprint(hashNumber(path)), "creationTimestamp": "2025-01-01T00:00:00.000-08:00"})
	if strings.Contains(scope, "/regions/") {
		set(thing, object{"region": links + scope})
	}
	switch kind {
	case "vpnGateways":
		set(thing, object{"stackType": "IPV4_ONLY", "labelFingerprint": "none", "vpnInterfaces": []any{
			object{"id": 0.0, "ipAddress": publicAddress(path + "/0")}, object{"id": 1.0, "ipAddress": publicAddress(path + "/1")},
		}})
	case "externalVpnGateways":
		set(thing, object{"labelFingerprint": "none"})
	case "vpnTunnels":
		// The key comes back as its hash alone.
		set(thing, object{
			"sharedSecretHash": fmt.Sprint(hashNumber(fmt.Sprint(thing["sharedSecret"]))), "status": "FIRST_HANDSHAKE", "detailedStatus": "",
			"labelFingerprint": "none", "localTrafficSelector": []any{"0.0.0.0/0"}, "remoteTrafficSelector": []any{"0.0.0.0/0"},
			"peerIp": interfaceAddress(r.objects[strings.TrimPrefix(fmt.Sprint(thing["peerExternalGateway"]), links)], "interfaces",
				thing["peerExternalGatewayInterface"]),
		})
		thing["sharedSecret"] = "*************"
	case "routers":
		for _, each := range listObjects(thing["interfaces"]) {
			set(each, object{"managementType": "MANAGED_BY_USER", "ipVersion": "IPV4"})
		}
		for _, each := range listObjects(thing["bgpPeers"]) {
			set(each, object{"managementType": "MANAGED_BY_USER", "enable": "TRUE", "enableIpv4": true, "advertiseMode": "DEFAULT", "bfd": object{
				"sessionInitializationMode": "DISABLED", "minReceiveInterval": 1000.0, "minTransmitInterval": 1000.0, "multiplier": 5.0,
			}})
		}
	case "firewalls":
		set(thing, object{"priority": 1000.0, "disabled": false, "logConfig": object{"enable": false}})
	}
	r.objects[path] = thing
}

// userOf returns the path of an object that refers to another one; "" if no object does.
func (r *recorder) userOf(path string) string {
	for _, other := range slices.Sorted(maps.Keys(r.objects)) {
		if other != path && slices.Contains(linksIn(r.objects[other]), path) {
			return other
		}
	}
	return ""
}

// linksIn returns the paths that an object refers to: every link to a single object but its own.
func linksIn(thing object) []string {
	var found []string
	for key, value := range thing {
		if text, ok := value.(string); ok && key != "selfLink" {
			if path := strings.TrimPrefix(text, links); oneObject.MatchString(path) {
				found = append(found, path)
			}
		}
		if key == "interfaces" {
			for _, each := range listObjects(value) {
				found = append(found, linksIn(each)...)
			}
		}
	}
	return found
}

// publicForm changes every link to GCP's own form, whatever server the link names. It drops nulls, as GCP does: the provider sends
// "md5AuthenticationKeys":[null] and panics when it reads that back.
func publicForm(value any) any {
	switch v := value.(type) {
	case object:
		for key, each := range v {
			v[key] = publicForm(each)
		}
	case []any:
		kept := []any{}
		for _, each := range v {
			if each != nil {
				kept = append(kept, publicForm(each))
			}
		}
		return kept
	case string:
		if _, path, found := strings.Cut(v, endpoint); found && strings.HasPrefix(v, "http") {
			return links + path
		}
		if oneObject.MatchString(v) {
			return links + v
		}
	}
	return value
}

func listObjects(value any) []object {
	list, _ := value.([]any)
	var all []object
	for _, each := range list {
		if o, ok := each.(object); ok {
			all = append(all, o)
		}
	}
	return all
}

// doneOperation returns an operation that has succeeded.
func doneOperation(path string) object {
	scope, _, _ := strings.Cut(path, "/operations/")
	return object{
		"kind": "compute#operation", "name": "operation-" + fmt.Sprint(hashNumber(path)), "status": "DONE", "progress": 100.0,
		"targetLink": links + path, "targetId": fmt.Sprint(hashNumber(path)), "selfLink": links + scope + "/operations/operation-" +
			fmt.Sprint(hashNumber(path)),
	}
}

func hashNumber(text string) uint32 {
	h := fnv.New32a()
	_, _ = io.Copy(h, bytes.NewBufferString(text)) // writing to a hash never fails
	return h.Sum32()
}

// publicAddress derives a public address from a name.
func publicAddress(name string) string {
	n := hashNumber(name)
	return fmt.Sprintf("35.%d.%d.%d", n%200+20, n/256%250+1, n/65536%250+1)
}
