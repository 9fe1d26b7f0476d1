package aws

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

const (
	instance  = "i-0000000000000001a"
	successor = "i-0000000000000002b"
)

// fakeAWS stands in for AWS and the metadata service of one machine, over the services' own protocols. It stores what
// it receives.
type fakeAWS struct {
	t             *testing.T
	aws, metadata *httptest.Server

	mutex sync.Mutex
	// values maps paths of the metadata to their values. token is the session token that version 2 requires with every
	// request.
	values map[string]string
	token  string
	// calls lists the calls in order. While before returns true, it answers instead of the service.
	calls  []string
	before func(call string, w http.ResponseWriter) bool

	parameters map[string][]string
	volumes    []*volume
	interfaces []*networkInterface
	states     map[string]string
	scaling    map[string]string // lifecycle state by instance
	waiting    map[string]bool   // hooks that wait
	protected  bool
	published  []cbor.Map
	hang       chan struct{}
}

type volume struct{ id, state, snapshot, holder, attachment, name string }

type networkInterface struct{ id, mac, address, holder, attachment, name string }

func newFakeAWS(t *testing.T) *fakeAWS {
	t.Helper()
	s := &fakeAWS{
		t: t, token: "session-1", hang: make(chan struct{}),
		values: map[string]string{
			"dynamic/instance-identity/document": `{"instanceId":"` + instance +
				`","instanceType":"m7g.4xlarge","availabilityZone":"us-west-1a","region":"us-west-1"}`,
			"meta-data/iam/security-credentials": "machine",
			"meta-data/iam/security-credentials/machine": `{"Code":"Success","AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"secret","Token":"session","Expiration":"` +
				time.Now().Add(6*time.Hour).UTC().Format(time.RFC3339) + `"}`,
		},
		parameters: map[string][]string{}, states: map[string]string{}, scaling: map[string]string{}, waiting: map[string]bool{},
	}
	s.metadata = httptest.NewServer(http.HandlerFunc(s.serveMetadata))
	s.aws = httptest.NewServer(http.HandlerFunc(s.serveAPI))
	t.Cleanup(func() { close(s.hang); s.metadata.Close(); s.aws.Close() })
	return s
}

// newClient returns a client of the stand-in that gives up within a second.
func (s *fakeAWS) newClient() *Client {
	return New("us-west-1", WithEndpoint(s.aws.URL), WithMetadataEndpoint(s.metadata.URL), WithTimeouts(100*time.Millisecond,
		200*time.Millisecond))
}

func (s *fakeAWS) withLock(f func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	f()
}

func (s *fakeAWS) countCalls(name string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	n := 0
	for _, call := range s.calls {
		if call == name {
			n++
		}
	}
	return n
}

// intercept lets a test answer. It does not hold the lock then, because the test may hang.
func (s *fakeAWS) intercept(call string, w http.ResponseWriter) bool {
	s.mutex.Lock()
	s.calls = append(s.calls, call)
	before := s.before
	s.mutex.Unlock()
	return before != nil && before(call, w)
}

// serveMetadata serves the metadata service, version 2.
func (s *fakeAWS) serveMetadata(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/latest/")
	if s.intercept("metadata "+path, w) {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if path == "api/token" {
		if r.Method != http.MethodPut || r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = io.WriteString(w, s.token)
		return
	}
	if r.Header.Get("X-Aws-Ec2-Metadata-Token") != s.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	value, known := s.values[strings.TrimSuffix(path, "/")]
	if !known {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = io.WriteString(w, value)
}

// serveAPI serves every other service. The form of the request selects the service.
func (s *fakeAWS) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("reading a request: %v", err)
	}
	form, _ := url.ParseQuery(string(body))
	service, call := "", ""
	switch {
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM."):
		service, call = "ssm", strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM.")
	case strings.HasPrefix(r.URL.Path, "/service/GraniteServiceVersion20100801/operation/"):
		service, call = "monitoring", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	case form.Get("Version") == "2016-11-15":
		service, call = "ec2", form.Get("Action")
	case form.Get("Version") == "2011-01-01":
		service, call = "autoscaling", form.Get("Action")
	}
	s.checkSignature(r, service)
	if s.intercept(call, w) {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch service {
	case "ssm":
		s.serveSSM(w, call, body)
	case "monitoring":
		s.serveMonitoring(w, r, body)
	case "ec2":
		s.serveEC2(w, call, form)
	case "autoscaling":
		s.serveAutoScaling(w, call, form)
	default:
		s.t.Errorf("no service for %s %s: %s", r.Method, r.URL, body)
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *fakeAWS) checkSignature(r *http.Request, service string) {
	s.t.Helper()
	authorization := r.Header.Get("Authorization")
	scope := "/us-west-1/" + service + "/aws4_request, "
	if !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(authorization, scope) ||
		!strings.Contains(authorization, "Signature=") || r.Header.Get("X-Amz-Security-Token") != "session" {
		s.t.Errorf("request for %s signed with %q, token %q", service, authorization, r.Header.Get("X-Amz-Security-Token"))
	}
}

// writeError writes an error of the two query services, whose formats differ.
func writeError(w http.ResponseWriter, service, code, message string) {
	w.WriteHeader(http.StatusBadRequest)
	if service == "ec2" {
		fmt.Fprintf(w, `<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>r</RequestID></Response>`,
			code, message)
		return
	}
	fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
		code, message)
}

func (s *fakeAWS) serveSSM(w http.ResponseWriter, call string, body []byte) {
	var in struct {
		Name, Value, Type         string
		WithDecryption, Overwrite bool
	}
	if err := json.Unmarshal(body, &in); err != nil {
		s.t.Errorf("%s: %v", body, err)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	name, selector, selected := strings.Cut(in.Name, ":")
	versions := s.parameters[name]
	switch call {
	case "GetParameter":
		version := len(versions)
		if selected {
			_, _ = fmt.Sscan(selector, &version)
		}
		if !in.WithDecryption || version < 1 || version > len(versions) {
			w.WriteHeader(http.StatusBadRequest)
			code := map[bool]string{true: "ParameterVersionNotFound", false: "ParameterNotFound"}[selected && len(versions) > 0]
			fmt.Fprintf(w, `{"__type":"%s","message":"none"}`, code)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"Parameter": map[string]any{"Name": name, "Value": versions[version-1], "Version": version}})
	case "PutParameter":
		if !in.Overwrite || in.Type != "String" {
			s.t.Errorf("put %s", body)
		}
		s.parameters[name] = append(versions, in.Value)
		fmt.Fprintf(w, `{"Version":%d}`, len(s.parameters[name]))
	}
}

func (s *fakeAWS) serveMonitoring(w http.ResponseWriter, r *http.Request, body []byte) {
	value, err := cbor.Decode(body)
	if err != nil || r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
		s.t.Errorf("metrics: %v, %v", err, r.Header)
	}
	s.published = append(s.published, value.(cbor.Map))
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	_, _ = w.Write(cbor.Encode(cbor.Map{}))
}

func (s *fakeAWS) serveAutoScaling(w http.ResponseWriter, call string, form url.Values) {
	if call == "DescribeAutoScalingInstances" {
		id, members := form.Get("InstanceIds.member.1"), ""
		if state := s.scaling[id]; state != "" {
			members = fmt.Sprintf(`<member><InstanceId>%s</InstanceId><AutoScalingGroupName>cache-shard-00</AutoScalingGroupName><LifecycleState>%s</LifecycleState></member>`,
				id, state)
		}
		fmt.Fprintf(w, `<R><DescribeAutoScalingInstancesResult><AutoScalingInstances>%s</AutoScalingInstances></DescribeAutoScalingInstancesResult></R>`, members)
		return
	}
	if form.Get("AutoScalingGroupName") != "cache-shard-00" {
		s.t.Errorf("%s of group %q", call, form.Get("AutoScalingGroupName"))
	}
	hook := form.Get("LifecycleHookName")
	switch {
	case call == "SetInstanceProtection" && s.scaling[instance] != "InService":
		writeError(w, "autoscaling", "ValidationError", "The instance "+instance+" is not in InService or EnteringStandby or Standby.")
		return
	case call == "SetInstanceProtection" && form.Get("InstanceIds.member.1") == instance:
		s.protected = form.Get("ProtectedFromScaleIn") == "true"
	case form.Get("InstanceId") != instance || !s.waiting[hook]:
		writeError(w, "autoscaling", "ValidationError", "No active Lifecycle Action found with instance ID "+form.Get("InstanceId"))
		return
	case call == "CompleteLifecycleAction" && form.Get("LifecycleActionResult") == "CONTINUE":
		delete(s.waiting, hook)
	}
	fmt.Fprintf(w, `<R><%[1]sResult></%[1]sResult></R>`, call)
}

func (s *fakeAWS) serveEC2(w http.ResponseWriter, call string, form url.Values) {
	name := ""
	for i := 1; form.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		if form.Get(fmt.Sprintf("Filter.%d.Name", i)) == "tag:Name" {
			name = form.Get(fmt.Sprintf("Filter.%d.Value.1", i))
		}
	}
	switch call {
	case "DescribeVolumes":
		fmt.Fprint(w, `<R><volumeSet>`)
		for _, v := range s.volumes {
			if v.name == name {
				fmt.Fprint(w, v.describeXML())
			}
		}
		fmt.Fprint(w, `</volumeSet></R>`)
	case "DescribeNetworkInterfaces":
		fmt.Fprint(w, `<R><networkInterfaceSet>`)
		for _, c := range s.interfaces {
			if c.name == name {
				fmt.Fprint(w, c.describeXML())
			}
		}
		fmt.Fprint(w, `</networkInterfaceSet></R>`)
	case "DescribeInstances":
		id := form.Get("InstanceId.1")
		if s.states[id] == "" {
			writeError(w, "ec2", "InvalidInstanceID.NotFound", "The instance ID does not exist")
			return
		}
		fmt.Fprintf(w, `<R><reservationSet><item><instancesSet><item><instanceId>%s</instanceId><instanceState><name>%s</name></instanceState></item></instancesSet></item></reservationSet></R>`,
			id, s.states[id])
	default:
		s.serveAttachments(w, call, form)
	}
}

// serveAttachments attaches and detaches volumes and network interfaces at once.
func (s *fakeAWS) serveAttachments(w http.ResponseWriter, call string, form url.Values) {
	v := slices.IndexFunc(s.volumes, func(v *volume) bool { return v.id == form.Get("VolumeId") })
	c := slices.IndexFunc(s.interfaces, func(c *networkInterface) bool {
		return c.id == form.Get("NetworkInterfaceId") || c.attachment != "" && c.attachment == form.Get("AttachmentId")
	})
	switch {
	case call == "AttachVolume" && s.volumes[v].holder != "":
		writeError(w, "ec2", "VolumeInUse", s.volumes[v].id+" is already attached to an instance")
		return
	case call == "AttachVolume":
		s.volumes[v].holder, s.volumes[v].attachment, s.volumes[v].state = form.Get("InstanceId"), "attaching", "in-use"
	case call == "DetachVolume" && s.volumes[v].holder != form.Get("InstanceId"):
		writeError(w, "ec2", "IncorrectState", "Volume is in the 'available' state")
		return
	case call == "DetachVolume" && form.Get("Force") == "true":
		s.volumes[v].holder, s.volumes[v].state = "", "available"
	case call == "DetachVolume":
		s.volumes[v].attachment = "detaching"
	case call == "AttachNetworkInterface" && s.interfaces[c].holder != "":
		writeError(w, "ec2", "InvalidNetworkInterface.InUse", "Interface is in use")
		return
	case call == "AttachNetworkInterface" && form.Get("DeviceIndex") == "1":
		s.interfaces[c].holder, s.interfaces[c].attachment = form.Get("InstanceId"), "eni-attach-1"
	case call == "DetachNetworkInterface" && c < 0:
		writeError(w, "ec2", "InvalidAttachmentID.NotFound", "none")
		return
	case call == "DetachNetworkInterface":
		s.interfaces[c].holder, s.interfaces[c].attachment = "", ""
	default:
		s.t.Errorf("%s %v", call, form)
	}
	fmt.Fprintf(w, `<R><return>true</return></R>`)
}

func (v *volume) describeXML() string {
	attachments := ""
	if v.holder != "" {
		attachments = fmt.Sprintf(`<item><instanceId>%s</instanceId><status>%s</status></item>`, v.holder, v.attachment)
	}
	return fmt.Sprintf(`<item><volumeId>%s</volumeId><size>2048</size><snapshotId>%s</snapshotId><status>%s</status><attachmentSet>%s</attachmentSet></item>`,
		v.id, v.snapshot, v.state, attachments)
}

func (c *networkInterface) describeXML() string {
	attachment := ""
	if c.holder != "" {
		attachment = fmt.Sprintf(`<attachment><attachmentId>%s</attachmentId><instanceId>%s</instanceId><status>attached</status></attachment>`,
			c.attachment, c.holder)
	}
	var address strings.Builder
	_ = xml.EscapeText(&address, []byte(c.address))
	return fmt.Sprintf(`<item><networkInterfaceId>%s</networkInterfaceId><macAddress>%s</macAddress><privateIpAddress>%s</privateIpAddress>%s</item>`,
		c.id, c.mac, address.String(), attachment)
}
