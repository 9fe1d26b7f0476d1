package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
)

type object = map[string]any

// listed gives a page of what a call lists, of those that fit, and the token of the next page; empty: it was the last.
func (f *fakeAccount) listed(list, token string, fits func(thing) bool) (page []thing, next string) {
	var found []thing
	for _, t := range f.things {
		if t.list == list && (fits == nil || fits(t)) {
			found = append(found, t)
		}
	}
	from, end := f.slice(len(found), token)
	if end < len(found) {
		next = strconv.Itoa(end)
	}
	return found[from:end], next
}

// the gives a thing by what lists it and its id; false: it went away since.
func (f *fakeAccount) the(list, id string) (thing, bool) {
	for _, t := range f.things {
		if t.list == list && t.id == id && t.has["vanished"] == "" {
			return t, true
		}
	}
	return thing{}, false
}

func (f *fakeAccount) profiles(w http.ResponseWriter, form url.Values) {
	page, next := f.listed("ListInstanceProfiles", form.Get("Marker"), func(t thing) bool {
		return strings.HasPrefix(t.has["path"], form.Get("PathPrefix"))
	})
	fmt.Fprint(w, "<ListInstanceProfilesResponse><ListInstanceProfilesResult><InstanceProfiles>")
	for _, t := range page {
		fmt.Fprintf(w, "<member><InstanceProfileName>%s</InstanceProfileName></member>", t.id)
	}
	fmt.Fprintf(w, "</InstanceProfiles><IsTruncated>%t</IsTruncated><Marker>%s</Marker></ListInstanceProfilesResult>"+
		"</ListInstanceProfilesResponse>",
		next != "", next)
}

func (f *fakeAccount) profile(w http.ResponseWriter, name string) {
	t, there := f.the("ListInstanceProfiles", name)
	if !there {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no</Message></Error></ErrorResponse>")
		return
	}
	fmt.Fprintf(w, "<GetInstanceProfileResponse><GetInstanceProfileResult><InstanceProfile><InstanceProfileName>%s</InstanceProfileName>%s"+
		"</InstanceProfile></GetInstanceProfileResult></GetInstanceProfileResponse>", name, tagXML(t.tags, "Tags", "member", "Key", "Value"))
}

func (f *fakeAccount) policies(w http.ResponseWriter, form url.Values) {
	page, next := f.listed("DescribePolicies", form.Get("NextToken"), nil)
	fmt.Fprint(w, "<DescribePoliciesResponse><DescribePoliciesResult><ScalingPolicies>")
	for _, t := range page {
		fmt.Fprintf(w, "<member><PolicyName>%s</PolicyName><AutoScalingGroupName>%s</AutoScalingGroupName></member>", t.id, t.has["group"])
	}
	fmt.Fprintf(w, "</ScalingPolicies>%s</DescribePoliciesResult></DescribePoliciesResponse>", nextXML("NextToken", next))
}

func nextXML(element, next string) string {
	if next == "" {
		return ""
	}
	return fmt.Sprintf("<%[1]s>%[2]s</%[1]s>", element, next)
}

func (f *fakeAccount) topics(w http.ResponseWriter, action string, form url.Values) {
	if action == "ListTopics" {
		page, next := f.listed("ListTopics", form.Get("NextToken"), nil)
		fmt.Fprint(w, "<ListTopicsResponse><ListTopicsResult><Topics>")
		for _, t := range page {
			fmt.Fprintf(w, "<member><TopicArn>%s</TopicArn></member>", t.id)
		}
		fmt.Fprintf(w, "</Topics>%s</ListTopicsResult></ListTopicsResponse>", nextXML("NextToken", next))
		return
	}
	t, there := f.the("ListTopics", form.Get("ResourceArn"))
	if !there {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<ErrorResponse><Error><Code>ResourceNotFound</Code><Message>no</Message></Error></ErrorResponse>")
		return
	}
	fmt.Fprintf(w, "<ListTagsForResourceResponse><ListTagsForResourceResult>%s</ListTagsForResourceResult></ListTagsForResourceResponse>",
		tagXML(t.tags, "Tags", "member", "Key", "Value"))
}

// watch is CloudWatch, which speaks CBOR.
func (f *fakeAccount) watch(w http.ResponseWriter, r *http.Request, operation string) {
	raw, _ := io.ReadAll(r.Body)
	decoded, _ := cbor.Decode(raw)
	in, _ := decoded.(cbor.Map)
	text := func(key string) string { s, _ := in[key].(cbor.String); return string(s) }
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	if code := f.called("CloudWatch." + operation); code != "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(cbor.Encode(cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#" + code), "message": cbor.String("no")}))
		return
	}
	out := cbor.Map{}
	list := func(name, list string, fits func(thing) bool, entry func(thing) cbor.Map) {
		page, next := f.listed(list, text("NextToken"), fits)
		entries := cbor.List{}
		for _, t := range page {
			entries = append(entries, entry(t))
		}
		if out[name] = entries; next != "" {
			out["NextToken"] = cbor.String(next)
		}
	}
	switch operation {
	case "ListDashboards":
		list("DashboardEntries", "ListDashboards", func(t thing) bool { return strings.HasPrefix(t.id, text("DashboardNamePrefix")) },
			func(t thing) cbor.Map { return cbor.Map{"DashboardName": cbor.String(t.id)} })
	case "DescribeAlarms":
		list("MetricAlarms", "DescribeAlarms", func(t thing) bool { return strings.HasPrefix(t.has["action"], text("ActionPrefix")) },
			func(t thing) cbor.Map {
				return cbor.Map{"AlarmName": cbor.String(t.id), "AlarmArn": cbor.String("arn:" + t.id)}
			})
	case "ListTagsForResource":
		t, there := f.the("DescribeAlarms", strings.TrimPrefix(text("ResourceARN"), "arn:"))
		if !there {
			w.WriteHeader(http.StatusNotFound)
			out = cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#ResourceNotFoundException")}
		}
		tags := cbor.List{}
		for key, value := range t.tags {
			tags = append(tags, cbor.Map{"Key": cbor.String(key), "Value": cbor.String(value)})
		}
		out["Tags"] = tags
	}
	_, _ = w.Write(cbor.Encode(out))
}

func pairs(tags map[string]string, key, value string) []object {
	list := []object{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, object{key: k, value: tags[k]})
	}
	return list
}

// keysAndParameters is KMS and Systems Manager.
func (f *fakeAccount) keysAndParameters(w http.ResponseWriter, r *http.Request, target string) {
	var in struct {
		KeyID, Marker, NextToken, ResourceID string
		ParameterFilters                     []struct {
			Key    string
			Values []string
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	refuse := func(code, message string) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(object{"__type": code, "message": message})
	}
	if code := f.called(target); code != "" {
		refuse(code, "because no identity-based policy allows it")
		return
	}
	out := object{}
	switch target {
	case "TrentService.ListKeys":
		page, next := f.listed("ListKeys", in.Marker, nil)
		keys := []object{}
		for _, t := range page {
			keys = append(keys, object{"KeyId": t.id})
		}
		out = object{"Keys": keys, "Truncated": next != "", "NextMarker": next}
	case "TrentService.ListResourceTags":
		t, there := f.the("ListKeys", in.KeyID)
		switch {
		case !there:
			refuse("NotFoundException", "no")
			return
		case t.has["closed"] != "":
			refuse("AccessDeniedException", "User: u is not authorized to perform: kms:ListResourceTags because no resource-based policy allows it")
			return
		}
		out = object{"Tags": pairs(t.tags, "TagKey", "TagValue"), "Truncated": false}
	case "TrentService.DescribeKey":
		out = object{"KeyMetadata": object{"KeyId": in.KeyID, "KeyState": "Enabled"}}
		if t, _ := f.the("ListKeys", in.KeyID); t.has["deleted"] != "" {
			out = object{"KeyMetadata": object{"KeyId": in.KeyID, "KeyState": "PendingDeletion", "DeletionDate": 1.8e9}}
		}
	case "AmazonSSM.DescribeParameters":
		page, next := f.listed("DescribeParameters", in.NextToken, func(t thing) bool {
			key := strings.TrimPrefix(in.ParameterFilters[0].Key, "tag:")
			return slices.Contains(in.ParameterFilters[0].Values, t.tags[key])
		})
		parameters := []object{}
		for _, t := range page {
			parameters = append(parameters, object{"Name": t.id})
		}
		if out = (object{"Parameters": parameters}); next != "" {
			out["NextToken"] = next
		}
	case "AmazonSSM.ListTagsForResource":
		t, there := f.the("DescribeParameters", in.ResourceID)
		if !there {
			refuse("InvalidResourceId", "no")
			return
		}
		out = object{"TagList": pairs(t.tags, "Key", "Value")}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// rest is Route 53, S3 and Data Lifecycle Manager.
func (f *fakeAccount) rest(w http.ResponseWriter, r *http.Request) {
	steps, query := strings.Split(strings.Trim(r.URL.Path, "/"), "/"), r.URL.Query()
	last := steps[len(steps)-1]
	var call string
	switch {
	case steps[0] == "policies":
		call = "DLM.GetLifecyclePolicies"
	case last == "hostedzonesbyvpc":
		call = "Route53.ListHostedZonesByVPC"
	case len(steps) > 1 && steps[1] == "tags":
		call = "Route53.ListTagsForResource"
	case last == "rrset":
		call = "Route53.ListResourceRecordSets"
	case query.Has("tagging"):
		call = "S3.GetBucketTagging"
	default:
		call = "S3.ListBuckets"
	}
	if code := f.called(call); code != "" {
		f.refuseREST(w, call, code)
		return
	}
	switch call {
	case "DLM.GetLifecyclePolicies":
		policies := []object{}
		for _, t := range f.things {
			if t.list == "GetLifecyclePolicies" {
				policies = append(policies, object{"PolicyId": t.id, "State": "ENABLED", "Tags": t.tags})
			}
		}
		_ = json.NewEncoder(w).Encode(object{"Policies": policies})
	case "Route53.ListHostedZonesByVPC":
		page, next := f.listed("ListHostedZonesByVPC", query.Get("nexttoken"), func(t thing) bool { return t.has["vpc"] == query.Get("vpcid") })
		fmt.Fprint(w, "<ListHostedZonesByVPCResponse><HostedZoneSummaries>")
		for _, t := range page {
			fmt.Fprintf(w, "<HostedZoneSummary><HostedZoneId>%s</HostedZoneId><Owner>%s</Owner></HostedZoneSummary>", t.id, t.has["owner"])
		}
		fmt.Fprintf(w, "</HostedZoneSummaries><MaxItems>100</MaxItems>%s</ListHostedZonesByVPCResponse>", nextXML("NextToken", next))
	case "Route53.ListTagsForResource":
		t, there := f.the("ListHostedZonesByVPC", last)
		if !there {
			f.refuseREST(w, call, "NoSuchHostedZone")
			return
		}
		if t.has["owner"] == ofService {
			f.refuseREST(w, call, "AccessDenied")
			return
		}
		fmt.Fprintf(w, "<ListTagsForResourceResponse><ResourceTagSet>%s</ResourceTagSet></ListTagsForResourceResponse>",
			tagXML(t.tags, "Tags", "Tag", "Key", "Value"))
	case "Route53.ListResourceRecordSets":
		t, _ := f.the("ListHostedZonesByVPC", steps[len(steps)-2])
		fmt.Fprintf(w, "<ListResourceRecordSetsResponse><ResourceRecordSets>%s</ResourceRecordSets><IsTruncated>false</IsTruncated>"+
			"<MaxItems>300</MaxItems></ListResourceRecordSetsResponse>", t.body)
	case "S3.ListBuckets":
		page, next := f.listed("ListBuckets", query.Get("continuation-token"), func(t thing) bool {
			return strings.HasPrefix(t.id, query.Get("prefix")) && t.has["region"] == query.Get("bucket-region")
		})
		fmt.Fprint(w, "<ListAllMyBucketsResult><Buckets>")
		for _, t := range page {
			fmt.Fprintf(w, "<Bucket><Name>%s</Name></Bucket>", t.id)
		}
		fmt.Fprintf(w, "</Buckets>%s</ListAllMyBucketsResult>", nextXML("ContinuationToken", next))
	case "S3.GetBucketTagging":
		t, there := f.the("ListBuckets", last)
		switch {
		case !there:
			f.refuseREST(w, call, "NoSuchBucket")
		case len(t.tags) == 0:
			f.refuseREST(w, call, "NoSuchTagSet")
		default:
			fmt.Fprintf(w, "<Tagging>%s</Tagging>", tagXML(t.tags, "TagSet", "Tag", "Key", "Value"))
		}
	}
}

func (f *fakeAccount) refuseREST(w http.ResponseWriter, call, code string) {
	switch {
	case strings.HasPrefix(call, "DLM."):
		w.Header().Set("X-Amzn-ErrorType", code)
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"Message":"no"}`)
	case strings.HasPrefix(call, "S3."):
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
	default:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>no</Message></Error></ErrorResponse>", code)
	}
}
