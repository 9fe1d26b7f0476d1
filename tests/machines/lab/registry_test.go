//go:build machines

package lab

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// puller fetches from the mirror, over the laboratory's network and by name.
type puller struct {
	t      *testing.T
	client aws.HTTPClient
}

func (p puller) sendRequest(method, path string) (int, http.Header, []byte) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, "https://mirror.example.com"+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := p.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, text
}

// pulled is a descriptor that an engine follows.
type pulled struct {
	MediaType, Digest string
	Size              int
}

// fetchPart looks for what a descriptor names and fetches it, and ends the test unless it is just that.
func (p puller) fetchPart(sort string, d pulled) []byte {
	p.t.Helper()
	if status, header, _ := p.sendRequest(http.MethodHead, imagePath(sort, d.Digest)); status != http.StatusOK ||
		header.Get("Content-Length") != strconv.Itoa(d.Size) {
		p.t.Fatalf("%s: %d, %v, want %+v", sort, status, header, d)
	}
	status, header, text := p.sendRequest(http.MethodGet, imagePath(sort, d.Digest))
	if digest := fmt.Sprintf("sha256:%x", sha256.Sum256(text)); status != http.StatusOK || digest != d.Digest || len(text) != d.Size ||
		header.Get("Docker-Content-Digest") != d.Digest || header.Get("Content-Type") != d.MediaType {
		p.t.Fatalf("%s: %d, %v, %d bytes of %s, want %+v", sort, status, header, len(text), digest, d)
	}
	return text
}

// The image is pulled as Docker's engine does it: the registry known by its version, the tag's digest, the manifest, its configuration and
// its layer by their digests. In the layer is the agent.
func TestRegistry(t *testing.T) {
	l, _, config := newInstanceClient(t)
	mirror, p := l.NewRegistry("mirror.example.com"), puller{t, config.HTTPClient}
	if status, header, _ := p.sendRequest(http.MethodGet, "/v2/"); status != http.StatusOK ||
		header.Get("Docker-Distribution-Api-Version") != "registry/2.0" {
		t.Errorf("the version: %d, %v", status, header)
	}
	status, header, _ := p.sendRequest(http.MethodHead, imagePath("manifests", "latest"))
	size, err := strconv.Atoi(header.Get("Content-Length"))
	if status != http.StatusOK || err != nil {
		t.Fatalf("the tag: %d, %v", status, header)
	}
	var manifest struct {
		SchemaVersion int
		MediaType     string
		Config        pulled
		Layers        []pulled
	}
	text := p.fetchPart("manifests", pulled{header.Get("Content-Type"), header.Get("Docker-Content-Digest"), size})
	if err := json.Unmarshal(text, &manifest); err != nil || manifest.SchemaVersion != 2 || manifest.MediaType != manifestType ||
		manifest.Config.MediaType != configType || len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != layerType {
		t.Fatalf("the manifest: %v, %s", err, text)
	}
	if _, _, byTag := p.sendRequest(http.MethodGet, imagePath("manifests", "latest")); !bytes.Equal(byTag, text) {
		t.Errorf("the manifest is %s by its tag", byTag)
	}
	var image struct {
		Architecture, OS string
		RootFS           struct {
			Type    string
			DiffIDs []string `json:"diff_ids"`
		}
	}
	text = p.fetchPart("blobs", manifest.Config)
	if err := json.Unmarshal(text, &image); err != nil || image.Architecture != "amd64" || image.OS != "linux" ||
		image.RootFS.Type != "layers" ||
		len(image.RootFS.DiffIDs) != 1 || image.RootFS.DiffIDs[0] != manifest.Layers[0].Digest {
		t.Errorf("the configuration: %v, %s", err, text)
	}
	if mirror.PullCount() != 0 {
		t.Error("the image counts as pulled without its layer")
	}
	tree := tar.NewReader(bytes.NewReader(p.fetchPart("blobs", manifest.Layers[0])))
	file, err := tree.Next()
	if err != nil || file.Name != "beachhead-node" || file.Mode != 0o755 || file.Typeflag != tar.TypeReg {
		t.Fatalf("the layer: %v, %+v", err, file)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, tree); err != nil || fmt.Sprintf("%x", sum.Sum(nil)) != l.Agent[regionfile.AMD64] {
		t.Errorf("the layer has another agent, %x: %v", sum.Sum(nil), err)
	}
	if _, err := tree.Next(); err != io.EOF || mirror.PullCount() != 1 {
		t.Errorf("behind the agent: %v; pulled %d times", err, mirror.PullCount())
	}
}

func TestRegistryRefuses(t *testing.T) {
	l, _, config := newInstanceClient(t)
	mirror, p := l.NewRegistry("mirror.example.com"), puller{t, config.HTTPClient}
	none := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("nothing")))
	_, header, _ := p.sendRequest(http.MethodHead, imagePath("manifests", "latest"))
	manifest := header.Get("Docker-Content-Digest")
	for _, wrong := range []struct{ method, path, code string }{
		{http.MethodGet, "/v2/library/debian/manifests/latest", "NAME_UNKNOWN"},
		{http.MethodGet, "/v2/other/agent/manifests/" + manifest, "NAME_UNKNOWN"},
		{http.MethodGet, "/v2/_catalog", "NAME_UNKNOWN"},
		{http.MethodGet, imagePath("manifests", "v1"), "MANIFEST_UNKNOWN"},
		{http.MethodGet, imagePath("manifests", none), "MANIFEST_UNKNOWN"},
		{http.MethodGet, imagePath("blobs", none), "BLOB_UNKNOWN"},
		{http.MethodGet, imagePath("blobs", manifest), "BLOB_UNKNOWN"},
		{http.MethodGet, imagePath("tags", "list"), "UNSUPPORTED"},
		{http.MethodPut, imagePath("manifests", "latest"), "UNSUPPORTED"},
		{http.MethodPost, imagePath("blobs", "uploads/"), "UNSUPPORTED"},
		{http.MethodDelete, imagePath("manifests", manifest), "UNSUPPORTED"},
	} {
		var body struct{ Errors []struct{ Code string } }
		status, header, text := p.sendRequest(wrong.method, wrong.path)
		if err := json.Unmarshal(text, &body); err != nil || status != http.StatusNotFound || len(body.Errors) != 1 ||
			body.Errors[0].Code != wrong.code ||
			!strings.HasPrefix(header.Get("Content-Type"), "application/json") {
			t.Errorf("%s %s: %d, %s, want %s: %v", wrong.method, wrong.path, status, text, wrong.code, err)
		}
	}
	if status, _, text := p.sendRequest(http.MethodHead, imagePath("blobs", none)); status != http.StatusNotFound || len(text) != 0 ||
		mirror.PullCount() != 0 {
		t.Errorf("a HEAD of nothing: %d, %q; pulled %d times", status, text, mirror.PullCount())
	}
}
