package aws

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// thing is something in the fake account.
type thing struct {
	// list is the call that lists its type, id what DescribeTags and tags are asked by.
	list, id string
	tags     map[string]string
	// body is its XML without its tags, for what is listed in XML.
	body string
	// has answers filters other than those for tags.
	has map[string]string
}

// fakeAccount speaks the protocols of the services that are asked, filters and pages as they do. The clients under test are real.
type fakeAccount struct {
	things []thing
	// page is how many things are on a page; 0: all.
	page int
	// refuse has the error code by call.
	refuse map[string]string

	mu    sync.Mutex
	calls map[string]int
}

// lists are the elements in which EC2 lists things.
var lists = map[string]string{
	"DescribeTags": "tagSet", "DescribeNatGateways": "natGatewaySet", "DescribeVpcEndpoints": "vpcEndpointSet",
	"DescribeSecurityGroups": "securityGroupInfo", "DescribeRouteTables": "routeTableSet",
	"DescribeSecurityGroupRules": "securityGroupRuleSet", "DescribeAddresses": "addressesSet",
	"DescribeVpnGateways": "vpnGatewaySet", "DescribeVpnConnections": "vpnConnectionSet", "DescribeCustomerGateways": "customerGatewaySet",
	"DescribeNetworkInterfaces": "networkInterfaceSet", "DescribeVolumes": "volumeSet", "DescribeSubnets": "subnetSet",
	"DescribeVpcs":              "vpcSet",
	"GetSubnetCidrReservations": "subnetIpv4CidrReservationSet",
}

func (f *fakeAccount) serve(t *testing.T) {
	t.Helper()
	f.calls = map[string]int{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	credentials(t, server.URL)
}

func (f *fakeAccount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target, isLogs := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "Logs_20140328.")
	operation, isWatch := strings.CutPrefix(r.URL.Path, "/service/GraniteServiceVersion20100801/operation/")
	switch {
	case isLogs:
		f.json(w, r, target)
		return
	case target != "":
		f.keysAndParameters(w, r, target)
		return
	case isWatch:
		f.watch(w, r, operation)
		return
	case r.Method == http.MethodGet:
		f.rest(w, r)
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	action := r.Form.Get("Action")
	w.Header().Set("Content-Type", "text/xml")
	if code := f.called(action); code != "" {
		w.WriteHeader(http.StatusForbidden)
		if _, ofEC2 := lists[action]; ofEC2 {
			fmt.Fprintf(w, "<Response><Errors><Error><Code>%s</Code><Message>no</Message></Error></Errors></Response>", code)
			return
		}
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>no</Message></Error></ErrorResponse>", code)
		return
	}
	switch action {
	case "GetRole":
		f.role(w, r.Form.Get("RoleName"))
	case "ListRoles":
		f.roles(w, r.Form)
	case "GetInstanceProfile":
		f.profile(w, r.Form.Get("InstanceProfileName"))
	case "ListInstanceProfiles":
		f.profiles(w, r.Form)
	case "ListTopics", "ListTagsForResource":
		f.topics(w, action, r.Form)
	case "DescribePolicies":
		f.policies(w, r.Form)
	case "DescribeAutoScalingGroups":
		f.groups(w, r.Form)
	default:
		f.ec2(w, action, r.Form)
	}
}

func (f *fakeAccount) called(action string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[action]++
	return f.refuse[action]
}

func (f *fakeAccount) ec2(w http.ResponseWriter, action string, form url.Values) {
	if form.Has("Filter.1.Value.201") || form.Has("Filter.2.Value.201") {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "<Response><Errors><Error><Code>FilterLimitExceeded</Code><Message>no</Message></Error></Errors></Response>")
		return
	}
	found := f.find(action, form, "Filter.%d.Name", "Filter.%d.Value.")
	switch action {
	case "DescribeTags":
		found = f.tags(form)
	case "GetSubnetCidrReservations":
		found = slices.DeleteFunc(found, func(t thing) bool { return t.has["subnet"] != form.Get("SubnetId") })
	}
	from, next := f.slice(len(found), form.Get("NextToken"))
	fmt.Fprintf(w, "<%sResponse><%s>", action, lists[action])
	for _, t := range found[from:next] {
		fmt.Fprintf(w, "<item>%s%s</item>", t.body, tagXML(t.tags, "tagSet", "item", "key", "value"))
	}
	fmt.Fprintf(w, "</%s>%s</%sResponse>", lists[action], token("nextToken", next, len(found)), action)
}

// tags gives the tags of everything of EC2 as things of their own.
func (f *fakeAccount) tags(form url.Values) []thing {
	all := fakeAccount{}
	for _, t := range f.things {
		if _, ofEC2 := lists[t.list]; !ofEC2 && t.list != "" {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(t.tags)) {
			all.things = append(all.things, thing{
				list: "DescribeTags", id: t.id, has: map[string]string{"key": key, "value": t.tags[key], "resource-id": t.id},
				body: fmt.Sprintf("<resourceId>%s</resourceId><key>%s</key><value>%s</value>", t.id, key, t.tags[key]),
			})
		}
	}
	return all.find("DescribeTags", form, "Filter.%d.Name", "Filter.%d.Value.")
}

// find gives what a call lists under its filters, which have a name and one or more values each.
func (f *fakeAccount) find(action string, form url.Values, nameOf, valuesOf string) []thing {
	var found []thing
	for _, t := range f.things {
		fits := t.list == action
		for i := 1; form.Has(fmt.Sprintf(nameOf, i)); i++ {
			name := form.Get(fmt.Sprintf(nameOf, i))
			has, ok := t.has[name]
			if key, isTag := strings.CutPrefix(name, "tag:"); isTag {
				has, ok = t.tags[key]
			}
			wanted := false
			for key, values := range form {
				wanted = wanted || strings.HasPrefix(key, fmt.Sprintf(valuesOf, i)) && values[0] == has
			}
			fits = fits && ok && wanted
		}
		if fits {
			found = append(found, t)
		}
	}
	return found
}

// slice gives the bounds of the page that a token names.
func (f *fakeAccount) slice(count int, token string) (from, next int) {
	from, _ = strconv.Atoi(token)
	if next = count; f.page > 0 {
		next = min(from+f.page, count)
	}
	return from, next
}

func token(element string, next, count int) string {
	if next == count {
		return ""
	}
	return fmt.Sprintf("<%s>%d</%s>", element, next, element)
}

func tagXML(tags map[string]string, set, item, key, value string) string {
	if len(tags) == 0 {
		return ""
	}
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		var escaped strings.Builder
		_ = xml.EscapeText(&escaped, []byte(tags[k]))
		fmt.Fprintf(&text, "<%[1]s><%[2]s>%[3]s</%[2]s><%[4]s>%[5]s</%[4]s></%[1]s>", item, key, k, value, escaped.String())
	}
	return fmt.Sprintf("<%[1]s>%[2]s</%[1]s>", set, text.String())
}

func (f *fakeAccount) groups(w http.ResponseWriter, form url.Values) {
	found := f.find("DescribeAutoScalingGroups", form, "Filters.member.%d.Name", "Filters.member.%d.Values.member.")
	from, next := f.slice(len(found), form.Get("NextToken"))
	fmt.Fprint(w, "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups>")
	for _, t := range found[from:next] {
		fmt.Fprintf(w, "<member><AutoScalingGroupName>%s</AutoScalingGroupName>%s%s</member>",
			t.id, t.body, tagXML(t.tags, "Tags", "member", "Key", "Value"))
	}
	fmt.Fprintf(w, "</AutoScalingGroups>%s</DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>",
		token("NextToken", next, len(found)))
}

// roles lists names without tags, as IAM does.
func (f *fakeAccount) roles(w http.ResponseWriter, form url.Values) {
	var found []thing
	for _, t := range f.things {
		if t.list == "ListRoles" && strings.HasPrefix(t.has["path"], form.Get("PathPrefix")) {
			found = append(found, t)
		}
	}
	from, next := f.slice(len(found), form.Get("Marker"))
	fmt.Fprint(w, "<ListRolesResponse><ListRolesResult><Roles>")
	for _, t := range found[from:next] {
		fmt.Fprintf(w, "<member><RoleName>%s</RoleName></member>", t.id)
	}
	fmt.Fprintf(w, "</Roles><IsTruncated>%t</IsTruncated>%s</ListRolesResult></ListRolesResponse>",
		next < len(found), token("Marker", next, len(found)))
}

func (f *fakeAccount) role(w http.ResponseWriter, name string) {
	for _, t := range f.things {
		if t.list == "ListRoles" && t.id == name && t.has["vanished"] == "" {
			fmt.Fprintf(w, "<GetRoleResponse><GetRoleResult><Role><RoleName>%s</RoleName>%s</Role></GetRoleResult></GetRoleResponse>",
				name, tagXML(t.tags, "Tags", "member", "Key", "Value"))
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no</Message></Error></ErrorResponse>")
}

const logGroupARN = "arn:aws:logs:us-west-1:210987654321:log-group:"

func (f *fakeAccount) json(w http.ResponseWriter, r *http.Request, action string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	var in struct {
		LogGroupNamePrefix, NextToken, ResourceARN string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if code := f.called(action); code != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"no"}`, code)
		return
	}
	var found []map[string]string
	for _, t := range f.things {
		switch {
		case t.list != "DescribeLogGroups":
		case action == "ListTagsForResource" && in.ResourceARN == logGroupARN+t.id && t.has["vanished"] != "":
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"ResourceNotFoundException","message":"no"}`)
			return
		case action == "ListTagsForResource" && in.ResourceARN == logGroupARN+t.id:
			_ = json.NewEncoder(w).Encode(map[string]any{"tags": t.tags})
			return
		case action == "DescribeLogGroups" && strings.HasPrefix(t.id, in.LogGroupNamePrefix):
			found = append(found, map[string]string{"logGroupName": t.id, "arn": logGroupARN + t.id + ":*"})
		}
	}
	from, next := f.slice(len(found), in.NextToken)
	out := map[string]any{"logGroups": found[from:next]}
	if next < len(found) {
		out["nextToken"] = strconv.Itoa(next)
	}
	_ = json.NewEncoder(w).Encode(out)
}
