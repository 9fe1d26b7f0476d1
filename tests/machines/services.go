//go:build machines

package machines

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/smithy-go/encoding/cbor"
)

// Parameters is Parameter Store: all versions of each parameter, the first of which is 1.
type Parameters struct {
	lab      *Lab
	mutex    sync.Mutex
	versions map[string][]string
}

// Set makes a new version of a parameter and gives its number.
func (p *Parameters) Set(name, value string) int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.versions[name] = append(p.versions[name], value)
	return len(p.versions[name])
}

// Get is the newest version; "" when there is none.
func (p *Parameters) Get(name string) string {
	value, _, _ := p.find(name)
	return value
}

// Versions are all of a parameter, the first one first.
func (p *Parameters) Versions(name string) []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Clone(p.versions[name])
}

// find reads NAME or NAME:VERSION.
func (p *Parameters) find(name string) (string, int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	base, selector, chosen := strings.Cut(name, ":")
	all := p.versions[base]
	if len(all) == 0 {
		return "", 0, faultf("ParameterNotFound", "")
	}
	if !chosen {
		return all[len(all)-1], len(all), nil
	}
	number, err := strconv.Atoi(selector)
	if err != nil || number < 1 || number > len(all) {
		return "", 0, faultf("ParameterVersionNotFound", "Systems Manager could not find version %s of %s.", selector, base)
	}
	return all[number-1], number, nil
}

func (p *Parameters) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	one, body, err := p.lab.EC2.caller(r, "ssm")
	if err != nil {
		p.lab.t.Errorf("Parameter Store: %v", err)
		p.fail(w, faultf("InvalidSignatureException", "%v", err))
		return
	}
	target := r.Header.Get("X-Amz-Target")
	p.lab.record(one.id, "ssm", target, string(body))
	var answer any
	switch target {
	case "AmazonSSM.GetParameter":
		answer, err = p.get(body)
	case "AmazonSSM.PutParameter":
		answer, err = p.put(body)
	default:
		p.lab.t.Errorf("Parameter Store: %s asked for %s, which the laboratory does not know", one.id, target)
		err = faultf("UnknownOperationException", "")
	}
	if err != nil {
		p.fail(w, err)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (p *Parameters) fail(w http.ResponseWriter, err error) {
	code, message, found := strings.Cut(err.Error(), ": ")
	if !found {
		code, message = "InternalServerError", err.Error()
	}
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}

// strict reads JSON and refuses keys that are not known.
func strict(body []byte, into any) error {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return faultf("ValidationException", "%v", err)
	}
	return nil
}

func (p *Parameters) get(body []byte) (any, error) {
	var question struct {
		Name           string
		WithDecryption bool
	}
	if err := strict(body, &question); err != nil {
		return nil, err
	}
	value, number, err := p.find(question.Name)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(question.Name, ":")
	return map[string]any{"Parameter": map[string]any{"Name": name, "Type": "String", "Value": value, "Version": number, "DataType": "text"}}, nil
}

func (p *Parameters) put(body []byte) (any, error) {
	var question struct {
		Name, Value, Type string
		Overwrite         bool
	}
	if err := strict(body, &question); err != nil {
		return nil, err
	}
	if _, _, err := p.find(question.Name); err == nil && !question.Overwrite {
		return nil, faultf("ParameterAlreadyExists", "The parameter already exists.")
	}
	return map[string]any{"Version": p.Set(question.Name, question.Value), "Tier": "Standard"}, nil
}

// serveBucket gives the objects of the region's bucket to whoever signs for them.
func (l *Lab) serveBucket(w http.ResponseWriter, r *http.Request) {
	one, _, err := l.EC2.caller(r, "s3")
	if err != nil {
		l.t.Errorf("bucket: %v", err)
		http.Error(w, "<Error><Code>SignatureDoesNotMatch</Code></Error>", http.StatusForbidden)
		return
	}
	l.record(one.id, "s3", r.Method, r.URL.Path)
	object, found := l.objects[r.URL.Path]
	if !found || r.Method != http.MethodGet {
		http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
		return
	}
	http.ServeFile(w, r, object)
}

// Metric is one value that a machine published.
type Metric struct {
	Namespace, Name string
	Value           float64
	Dimensions      map[string]string
}

// serveMetrics takes PutMetricData in Smithy's RPC v2 protocol with CBOR, which is what the SDK speaks.
func (l *Lab) serveMetrics(w http.ResponseWriter, r *http.Request) {
	one, body, err := l.EC2.caller(r, "monitoring")
	if err == nil && r.Header.Get("Content-Encoding") == "gzip" {
		body, err = unzip(body)
	}
	var metrics []Metric
	if err == nil {
		metrics, err = decodeMetrics(body)
	}
	if err != nil || r.URL.Path != "/service/GraniteServiceVersion20100801/operation/PutMetricData" {
		l.t.Errorf("CloudWatch: %s: %v", r.URL.Path, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.record(one.id, "monitoring", fmt.Sprint(metrics))
	l.mutex.Lock()
	l.metrics = append(l.metrics, metrics...)
	l.mutex.Unlock()
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	_, _ = w.Write(cbor.Encode(cbor.Map{}))
}

func unzip(body []byte) ([]byte, error) {
	reader, err := gzip.NewReader(strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

func decodeMetrics(body []byte) ([]Metric, error) {
	value, err := cbor.Decode(body)
	if err != nil {
		return nil, err
	}
	root, _ := value.(cbor.Map)
	namespace, _ := root["Namespace"].(cbor.String)
	data, _ := root["MetricData"].(cbor.List)
	if namespace == "" || len(data) == 0 {
		return nil, fmt.Errorf("no namespace or no data in %v", value)
	}
	var all []Metric
	for _, one := range data {
		datum, _ := one.(cbor.Map)
		name, _ := datum["MetricName"].(cbor.String)
		metric := Metric{Namespace: string(namespace), Name: string(name), Dimensions: map[string]string{}}
		number, err := cbor.AsFloat64(datum["Value"])
		if err != nil || name == "" {
			return nil, fmt.Errorf("no name or no value in %v", datum)
		}
		metric.Value = number
		dimensions, _ := datum["Dimensions"].(cbor.List)
		for _, d := range dimensions {
			pair, _ := d.(cbor.Map)
			key, _ := pair["Name"].(cbor.String)
			value, _ := pair["Value"].(cbor.String)
			metric.Dimensions[string(key)] = string(value)
		}
		all = append(all, metric)
	}
	return all, nil
}
