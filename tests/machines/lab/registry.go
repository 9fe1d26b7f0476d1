//go:build machines

package lab

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// HubImage is the name of an image of Docker Hub. No server answers as Docker Hub in the lab: an engine can pull it only from its region's
// mirror.
const HubImage = "beachhead/agent"

// The media types of an image's parts. Source: Docker's "Image Manifest Version 2, Schema 2".
const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar"
)

// Registry is a mirror of Docker Hub that has one image, HubImage:latest, and accepts none. Source: OCI's distribution specification 1.1,
// category Pull.
type Registry struct {
	parts map[string]part // by the path of a request
	mutex sync.Mutex
	asked map[string]int
}

// part is the content of a registry at a path.
type part struct {
	kind, digest string
	text         []byte
}

// encodeDescriptor returns the JSON with which one part refers to this one.
func (p part) encodeDescriptor() string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, p.kind, p.digest, len(p.text))
}

// NewRegistry creates a mirror at a name. The only file of its image is the agent that machines also fetch, since it needs no other.
func (l *Lab) NewRegistry(name string) *Registry {
	l.T.Helper()
	binary, err := os.ReadFile(l.objects["/"+plan.AgentKey(regionfile.AMD64, l.Agent[regionfile.AMD64])])
	l.Must(err)
	tree, err := archiveFile("beachhead-node", binary)
	l.Must(err)
	r := newRegistry(tree)
	l.ServeHTTPS(name, r)
	return r
}

// archiveFile returns a tar archive of one program.
func archiveFile(name string, program []byte) ([]byte, error) {
	var text bytes.Buffer
	to := tar.NewWriter(&text)
	if err := to.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := to.Write(program); err != nil {
		return nil, err
	}
	err := to.Close()
	return text.Bytes(), err
}

// newRegistry creates an image of one layer. The layer is not compressed, since software emulation fetches faster than it unpacks. Its
// digest is therefore also the one in the configuration.
func newRegistry(tree []byte) *Registry {
	r := &Registry{parts: map[string]part{}, asked: map[string]int{}}
	r.parts["/v2/"] = part{kind: "application/json", text: []byte("{}")}
	layer := r.addPart("blobs", layerType, tree)
	config := r.addPart("blobs", configType,
		fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[%q]}}`, layer.digest))
	manifest := r.addPart("manifests", manifestType,
		fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, manifestType, config.encodeDescriptor(),
			layer.encodeDescriptor()))
	r.parts[imagePath("manifests", "latest")] = manifest
	return r
}

func imagePath(sort, reference string) string {
	return "/v2/" + HubImage + "/" + sort + "/" + reference
}

func (r *Registry) addPart(sort, kind string, text []byte) part {
	p := part{kind: kind, digest: fmt.Sprintf("sha256:%x", sha256.Sum256(text)), text: text}
	r.parts[imagePath(sort, p.digest)] = p
	return p
}

// PullCount returns how often an engine fetched the image, which is the least number of requests for one of its blobs.
func (r *Registry) PullCount() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	least := math.MaxInt
	for path := range r.parts {
		if strings.HasPrefix(path, imagePath("blobs", "")) {
			least = min(least, r.asked[path])
		}
	}
	return least
}

func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0") // by which engines recognize a registry
	p, found := r.parts[request.URL.Path]
	if reads := request.Method == http.MethodGet || request.Method == http.MethodHead; !found || !reads {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q}]}`, errorCode(reads, request.URL.Path))
		return
	}
	if request.Method == http.MethodGet {
		r.mutex.Lock()
		r.asked[request.URL.Path]++
		r.mutex.Unlock()
	}
	w.Header().Set("Content-Type", p.kind)
	if p.digest != "" {
		w.Header().Set("Docker-Content-Digest", p.digest)
	}
	http.ServeContent(w, request, "", time.Time{}, bytes.NewReader(p.text))
}

// errorCode returns the specification's code for a path without content.
func errorCode(reads bool, path string) string {
	switch {
	case !reads:
		return "UNSUPPORTED"
	case strings.HasPrefix(path, imagePath("manifests", "")):
		return "MANIFEST_UNKNOWN"
	case strings.HasPrefix(path, imagePath("blobs", "")):
		return "BLOB_UNKNOWN"
	case strings.HasPrefix(path, "/v2/"+HubImage+"/"):
		return "UNSUPPORTED"
	}
	return "NAME_UNKNOWN"
}
