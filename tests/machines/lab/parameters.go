//go:build machines

package lab

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Parameters is Parameter Store: all versions of each parameter. The first version is 1.
type Parameters struct {
	lab      *Lab
	mutex    sync.Mutex
	versions map[string][]string
}

// SetValue adds a version of a parameter and returns its number.
func (p *Parameters) SetValue(name, value string) int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.versions[name] = append(p.versions[name], value)
	return len(p.versions[name])
}

// GetValue returns the newest version of a parameter; "" if the parameter does not exist.
func (p *Parameters) GetValue(name string) string {
	value, _, _ := p.findVersion(name)
	return value
}

// VersionsOf returns all versions of a parameter, the first one first.
func (p *Parameters) VersionsOf(name string) []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Clone(p.versions[name])
}

// findVersion returns the value and number of NAME or NAME:VERSION.
func (p *Parameters) findVersion(name string) (string, int, error) {
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

func (p *Parameters) serveAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	one, body, err := p.lab.EC2.verifyCaller(r, "ssm")
	if err != nil {
		p.lab.T.Errorf("Parameter Store: %v", err)
		p.writeFault(w, faultf("InvalidSignatureException", "%v", err))
		return
	}
	target := r.Header.Get("X-Amz-Target")
	p.lab.recordRequest(one.id, "ssm", target, string(body))
	var answer any
	switch target {
	case "AmazonSSM.GetParameter":
		answer, err = p.getParameter(body)
	case "AmazonSSM.PutParameter":
		answer, err = p.putParameter(body)
	default:
		p.lab.T.Errorf("Parameter Store: %s called %s, which the lab does not have", one.id, target)
		err = faultf("UnknownOperationException", "")
	}
	if err != nil {
		p.writeFault(w, err)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (p *Parameters) writeFault(w http.ResponseWriter, err error) {
	code, message, found := strings.Cut(err.Error(), ": ")
	if !found {
		code, message = "InternalServerError", err.Error()
	}
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}

// decodeStrict decodes JSON and refuses unknown keys.
func decodeStrict(body []byte, into any) error {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return faultf("ValidationException", "%v", err)
	}
	return nil
}

func (p *Parameters) getParameter(body []byte) (any, error) {
	var question struct {
		Name           string
		WithDecryption bool
	}
	if err := decodeStrict(body, &question); err != nil {
		return nil, err
	}
	value, number, err := p.findVersion(question.Name)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(question.Name, ":")
	return map[string]any{"Parameter": map[string]any{"Name": name, "Type": "String", "Value": value, "Version": number, "DataType": "text"}},
		nil
}

func (p *Parameters) putParameter(body []byte) (any, error) {
	var question struct {
		Name, Value, Type string
		Overwrite         bool
	}
	if err := decodeStrict(body, &question); err != nil {
		return nil, err
	}
	if _, _, err := p.findVersion(question.Name); err == nil && !question.Overwrite {
		return nil, faultf("ParameterAlreadyExists", "The parameter already exists.")
	}
	return map[string]any{"Version": p.SetValue(question.Name, question.Value), "Tier": "Standard"}, nil
}
