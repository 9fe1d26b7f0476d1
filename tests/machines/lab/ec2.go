//go:build machines

package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// EC2 holds the region's instances, volumes and interfaces. It does with QEMU what the real EC2 does with its hosts.
type EC2 struct {
	lab        *Lab
	mutex      sync.Mutex
	instances  map[string]*instance
	volumes    map[string]*volume
	interfaces map[string]*netInterface
	made       int
}

type instance struct {
	id, kind, zone, userData string
	// state is running, shutting-down or terminated.
	state   string
	address netip.Addr
	machine *Machine
	// notices are temporary metadata by path below meta-data, for example spot/instance-action.
	notices map[string]string
}

type volume struct {
	id, zone string
	tags     map[string]string
	sizeGiB  int
	file     string
	// holder is the instance. state is attaching, attached or detaching. Both are empty if the volume is available.
	holder, device, state string
}

type netInterface struct {
	id   string
	tags map[string]string
	card *card
	// As in a volume.
	holder, attachment, state string
	index                     int
}

func newEC2(l *Lab) *EC2 {
	return &EC2{lab: l, instances: map[string]*instance{}, volumes: map[string]*volume{}, interfaces: map[string]*netInterface{}}
}

// newID returns an id in EC2's form. The same order of calls returns the same ids. The caller holds the mutex.
func (e *EC2) newID(prefix string) string {
	e.made++
	sum := sha256.Sum256(fmt.Append(nil, prefix, e.made))
	return prefix + "-0" + hex.EncodeToString(sum[:8])
}

// NewVolume creates a blank volume in a zone and returns its id.
func (e *EC2) NewVolume(zone string, sizeGiB int, tags map[string]string) string {
	e.lab.T.Helper()
	e.mutex.Lock()
	defer e.mutex.Unlock()
	v := &volume{id: e.newID("vol"), zone: zone, tags: tags, sizeGiB: sizeGiB}
	v.file = filepath.Join(e.lab.folder, v.id)
	e.lab.Must(os.WriteFile(v.file, nil, 0o600))
	e.lab.Must(os.Truncate(v.file, int64(sizeGiB)<<30))
	e.volumes[v.id] = v
	return v.id
}

// NewInterface creates an interface with a fixed address in the plan's subnet of that address. It returns the interface's id.
func (e *EC2) NewInterface(address netip.Addr, checked bool, tags map[string]string) string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.newInterface(address, checked, tags).id
}

func (e *EC2) newInterface(address netip.Addr, checked bool, tags map[string]string) *netInterface {
	n := &netInterface{id: e.newID("eni"), tags: tags}
	n.card = &card{mac: newMAC(n.id), address: address, subnet: e.lab.subnetOf(address), checked: checked}
	e.interfaces[n.id] = n
	e.lab.fabric.addCard(n.card)
	return n
}

// AttachedTo returns the instance that a volume or interface is attached to; "" if none.
func (e *EC2) AttachedTo(id string) string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if v := e.volumes[id]; v != nil {
		return v.holder
	}
	if n := e.interfaces[id]; n != nil {
		return n.holder
	}
	return ""
}

// VolumeFile returns the file of a volume. A test may change it only while no machine has the volume.
func (e *EC2) VolumeFile(id string) string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.volumes[id].file
}

// SetNotice sets a metadata value below meta-data, such as spot/instance-action; an empty value removes it.
func (e *EC2) SetNotice(m *Machine, path, value string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if value == "" {
		delete(e.instances[m.ID].notices, path)
		return
	}
	e.instances[m.ID].notices[path] = value
}

// TerminateInstance ends an instance at once. Its volumes and interfaces outlive it and are available a moment later.
func (e *EC2) TerminateInstance(id string) {
	e.mutex.Lock()
	one := e.instances[id]
	one.state = "shutting-down"
	e.mutex.Unlock()
	one.machine.CutPower()
	e.mutex.Lock()
	defer e.mutex.Unlock()
	one.state = "terminated"
	for _, v := range e.volumes {
		if v.holder == id {
			v.holder, v.state, v.device = "", "", ""
		}
	}
	for _, n := range e.interfaces {
		if n.holder == id {
			n.holder, n.state, n.attachment = "", "", ""
		}
	}
}

// ReportTerminated reports an instance as terminated from now on, and leaves its volumes and interfaces attached, as EC2 does for a while.
func (e *EC2) ReportTerminated(id string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.instances[id].state = "terminated"
}

// credentialsOf returns the credentials that the metadata give an instance, and with which it must sign its calls.
func (e *EC2) credentialsOf(one *instance) aws.Credentials {
	sum := sha256.Sum256([]byte(one.id))
	return aws.Credentials{
		AccessKeyID: "ASIA" + strings.ToUpper(hex.EncodeToString(sum[:8])), SecretAccessKey: hex.EncodeToString(sum[8:28]),
		SessionToken: "session/" + one.id + "+==",
	}
}

// verifyCaller returns the instance whose role signed a request, and the body.
func (e *EC2) verifyCaller(r *http.Request, service string) (*instance, []byte, error) {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return nil, nil, fmt.Errorf("not signed: %q", r.Header.Get("Authorization"))
	}
	e.mutex.Lock()
	var one *instance
	for _, i := range e.instances {
		if e.credentialsOf(i).AccessKeyID == parts[1] {
			one = i
		}
	}
	e.mutex.Unlock()
	if one == nil {
		return nil, nil, fmt.Errorf("no instance has the key %s", parts[1])
	}
	body, err := verifySignature(r, e.credentialsOf(one), e.lab.Plan.Region, service)
	return one, body, err
}

// serveQuery answers the query protocol of EC2.
func (e *EC2) serveQuery(w http.ResponseWriter, r *http.Request) {
	one, body, err := e.verifyCaller(r, "ec2")
	if err != nil {
		e.lab.T.Errorf("EC2: %v", err)
		e.writeFault(w, faultf("AuthFailure", "%v", err))
		return
	}
	query, err := parseForm(body)
	if err != nil {
		e.writeFault(w, faultf("MalformedQueryString", "%v", err))
		return
	}
	action := query.values.Get("Action")
	e.lab.recordRequest(one.id, "ec2", action, query.values.Encode())
	do, known := map[string]func(*form) ([]element, error){
		"DescribeInstances": e.describeInstances, "DescribeVolumes": e.describeVolumes, "DescribeNetworkInterfaces": e.describeInterfaces,
		"AttachVolume": e.attachVolume, "DetachVolume": e.detachVolume,
		"AttachNetworkInterface": e.attachInterface, "DetachNetworkInterface": e.detachInterface,
	}[action]
	if !known {
		e.lab.T.Errorf("EC2: %s called %s, which the lab does not have", one.id, action)
		e.writeFault(w, faultf("InvalidAction", "The action %s is not valid for this web service.", action))
		return
	}
	children, err := do(query)
	if unknown := query.checkUnknown(); err == nil && unknown != nil {
		e.lab.T.Errorf("EC2: %s: %v", action, unknown)
		err = unknown
	}
	if err != nil {
		e.writeFault(w, err)
		return
	}
	root := newElement(action+"Response", append([]element{newLeaf("requestId", "lab")}, children...)...)
	root.XMLName.Space = "http://ec2.amazonaws.com/doc/2016-11-15/"
	writeXML(w, http.StatusOK, root)
}

func (e *EC2) writeFault(w http.ResponseWriter, err error) {
	f := faultf("InternalError", "%v", err)
	code := http.StatusInternalServerError
	if errors.As(err, &f) {
		code = http.StatusBadRequest
	}
	writeXML(w, code, newElement("Response", newElement("Errors", newElement("Error", newLeaf("Code", f.code), newLeaf("Message", f.message))),
		newLeaf("RequestID", "lab")))
}

func (e *EC2) describeInstances(f *form) ([]element, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	set := newElement("reservationSet")
	for _, id := range f.listValues("InstanceId") {
		one := e.instances[id]
		if one == nil {
			return nil, faultf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
		}
		codes := map[string]int{"running": 16, "shutting-down": 32, "terminated": 48}
		set.Children = append(set.Children, newElement("item",
			newElement("instancesSet", newElement("item", newLeaf("instanceId", one.id), newLeaf("instanceType", one.kind),
				newElement("instanceState", newLeaf("code", codes[one.state]), newLeaf("name", one.state)), newLeaf("privateIpAddress", one.address)))))
	}
	return []element{set}, nil
}

func (e *EC2) describeVolumes(f *form) ([]element, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	set, filters := newElement("volumeSet"), f.listFilters()
	for _, v := range e.volumes {
		ok, err := matchesFilters(v.tags, filters)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		state, attachments := "available", newElement("attachmentSet")
		if v.holder != "" {
			state = "in-use"
			attachments.Children = []element{newElement("item", newLeaf("volumeId", v.id), newLeaf("instanceId", v.holder),
				newLeaf("device", v.device), newLeaf("status", v.state))}
		}
		set.Children = append(set.Children, newElement("item", newLeaf("volumeId", v.id), newLeaf("size", v.sizeGiB), newLeaf("snapshotId", ""),
			newLeaf("availabilityZone", v.zone), newLeaf("status", state), attachments, tagSet(v.tags)))
	}
	return []element{set}, nil
}

func (e *EC2) describeInterfaces(f *form) ([]element, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	set, filters := newElement("networkInterfaceSet"), f.listFilters()
	for _, n := range e.interfaces {
		ok, err := matchesFilters(n.tags, filters)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		item := newElement("item", newLeaf("networkInterfaceId", n.id), newLeaf("macAddress", n.card.mac),
			newLeaf("privateIpAddress", n.card.address),
			newLeaf("sourceDestCheck", n.card.checked), newLeaf("status", "available"))
		if n.holder != "" {
			item.Children[4] = newLeaf("status", "in-use")
			item.Children = append(item.Children, newElement("attachment", newLeaf("attachmentId", n.attachment), newLeaf("instanceId", n.holder),
				newLeaf("deviceIndex", n.index), newLeaf("status", n.state)))
		}
		tags := tagSet(n.tags)
		item.Children = append(item.Children, tags)
		set.Children = append(set.Children, item)
	}
	return []element{set}, nil
}

// plugLimit is the time in which QEMU and the guest must release a device.
const plugLimit = time.Minute
