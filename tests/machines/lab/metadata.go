//go:build machines

package lab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// version begins a path of the metadata service: latest or a date.
var version = regexp.MustCompile(`^/(latest|\d{4}-\d\d-\d\d)/(.*)$`)

// tokenPrefix begins the tokens of version 2; the rest is the instance that may use them.
const tokenPrefix = "token-of-"

// serveMetadata answers as version 2 of the metadata service does. It identifies the instance by its address and requires a token.
func (e *EC2) serveMetadata(w http.ResponseWriter, r *http.Request) {
	one := e.instanceByAddress(r.RemoteAddr)
	path := version.FindStringSubmatch(r.URL.Path)
	if one == nil || path == nil {
		http.Error(w, "", http.StatusNotFound)
		return
	}
	if r.Method == http.MethodPut && path[2] == "api/token" && r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != "" {
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
		fmt.Fprint(w, tokenPrefix+one.id)
		return
	}
	if r.Header.Get("X-Aws-Ec2-Metadata-Token") != tokenPrefix+one.id {
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	e.lab.recordRequest(one.id, "metadata", path[2])
	value, found := lookUpMetadata(e.metadataOf(one), path[2])
	if !found {
		http.Error(w, "", http.StatusNotFound)
		return
	}
	fmt.Fprint(w, value)
}

// lookUpMetadata returns a value, or the names below a path, one a line.
func lookUpMetadata(tree map[string]string, path string) (string, bool) {
	if value, found := tree[path]; found {
		return value, true
	}
	below := strings.TrimSuffix(path, "/") + "/"
	if below == "/" {
		below = ""
	}
	var all []string
	for key := range tree {
		if rest, under := strings.CutPrefix(key, below); under {
			name, _, deeper := strings.Cut(rest, "/")
			if deeper {
				name += "/"
			}
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "\n"), len(all) > 0
}

// metadataOf returns all metadata of an instance by path.
func (e *EC2) metadataOf(one *instance) map[string]string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	region := e.lab.Plan.Region
	document, _ := json.Marshal(map[string]string{
		"accountId": e.lab.Plan.Account, "architecture": "x86_64", "availabilityZone": one.zone, "imageId": "ami-0beac4ead00000000",
		"instanceId": one.id, "instanceType": one.kind, "privateIp": one.address.String(), "region": region, "version": "2017-09-30",
	})
	role := e.credentialsOf(one)
	credentials, _ := json.Marshal(map[string]string{
		"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": time.Now().UTC().Format(time.RFC3339),
		"Expiration": time.Now().UTC().Add(6 * time.Hour).Format(time.RFC3339), "AccessKeyId": role.AccessKeyID,
		"SecretAccessKey": role.SecretAccessKey, "Token": role.SessionToken,
	})
	name := "ip-" + strings.ReplaceAll(one.address.String(), ".", "-") + "." + region + ".compute.internal"
	tree := map[string]string{
		"user-data": one.userData, "dynamic/instance-identity/document": string(document),
		"meta-data/ami-id": "ami-0beac4ead00000000", "meta-data/instance-id": one.id, "meta-data/instance-type": one.kind,
		"meta-data/local-ipv4": one.address.String(), "meta-data/hostname": name, "meta-data/local-hostname": name,
		"meta-data/placement/availability-zone": one.zone, "meta-data/placement/region": region,
		"meta-data/iam/security-credentials/beachhead-machine": string(credentials),
		"meta-data/services/domain":                            "amazonaws.com", "meta-data/services/partition": "aws",
	}
	for _, n := range e.interfaces {
		if n.holder != one.id {
			continue
		}
		at := "meta-data/network/interfaces/macs/" + n.card.mac.String() + "/"
		tree[at+"mac"], tree[at+"interface-id"], tree[at+"device-number"] = n.card.mac.String(), n.id, fmt.Sprint(n.index)
		tree[at+"local-ipv4s"], tree[at+"subnet-ipv4-cidr-block"] = n.card.address.String(), n.card.subnet.String()
		tree[at+"local-hostname"], tree[at+"owner-id"] = name, e.lab.Plan.Account
		if n.index == 0 {
			tree["meta-data/mac"] = n.card.mac.String()
		}
	}
	for key, value := range one.notices {
		tree["meta-data/"+key] = value
	}
	return tree
}

// instanceByAddress returns the instance that has an address on any of its interfaces; nil if none has.
func (e *EC2) instanceByAddress(remote string) *instance {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return nil
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, n := range e.interfaces {
		if n.card.address == at.Addr() {
			return e.instances[n.holder]
		}
	}
	return nil
}
