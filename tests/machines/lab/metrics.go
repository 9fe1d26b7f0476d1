//go:build machines

package lab

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
)

// Metric is one value that a machine published.
type Metric struct {
	Namespace, Name string
	Value           float64
	Dimensions      map[string]string
}

// serveMetrics accepts PutMetricData in Smithy's RPC v2 protocol with CBOR, which the SDK uses.
func (l *Lab) serveMetrics(w http.ResponseWriter, r *http.Request) {
	one, body, err := l.EC2.verifyCaller(r, "monitoring")
	if err == nil && r.Header.Get("Content-Encoding") == "gzip" {
		body, err = gunzipBody(body)
	}
	var metrics []Metric
	if err == nil {
		metrics, err = decodeMetrics(body)
	}
	if err != nil || r.URL.Path != "/service/GraniteServiceVersion20100801/operation/PutMetricData" {
		l.T.Errorf("CloudWatch: %s: %v", r.URL.Path, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.recordRequest(one.id, "monitoring", fmt.Sprint(metrics))
	l.mutex.Lock()
	l.metrics = append(l.metrics, metrics...)
	l.mutex.Unlock()
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	_, _ = w.Write(cbor.Encode(cbor.Map{}))
}

func gunzipBody(body []byte) ([]byte, error) {
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
