package ci

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

// downloadTimeout limits a download. The largest, GitHub's runner, has about 200 MB.
const downloadTimeout = 10 * time.Minute

// downloadFile downloads a file of a CI system's agent atomically. The integrity of the file rests on the https
// address, because not every vendor publishes checksums at a place of their own.
func (m Machine) downloadFile(ctx context.Context, address, file string, mode os.FileMode) error {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: callTimeout}}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return downloadError(address, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return downloadError(address, fmt.Errorf("the server answered %s", response.Status))
	}
	place := m.Host.Path(file)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(place), ".fetch-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // fails after the rename
	_, err = io.Copy(temporary, response.Body)
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return downloadError(address, err)
	}
	if err := os.Chmod(temporary.Name(), mode); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), place)
}

// downloadError adds the address and the next step to an error.
func downloadError(address string, err error) error {
	return fmt.Errorf("downloading the CI system's agent from %s: %w; check network.egress in the region file, or use an image that "+
		"contains the agent",
		address, err)
}

// installArchive downloads an archive and unpacks it into a folder, unless the folder already contains the given file.
// It unpacks into a second folder, changes the owner, and then renames it, so that a half-unpacked folder never passes
// for a complete one.
func (m Machine) installArchive(ctx context.Context, address, folder, expected string) error {
	if fileExists(m.Host, path.Join(folder, expected)) {
		return nil
	}
	archive, fresh := folder+".tar.gz", folder+".new"
	if err := m.downloadFile(ctx, address, archive, 0o644); err != nil {
		return err
	}
	for _, rest := range []string{fresh, folder} {
		if err := os.RemoveAll(m.Host.Path(rest)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(m.Host.Path(fresh), 0o755); err != nil {
		return err
	}
	if _, err := m.Host.Run(ctx, "tar", "--extract", "--gzip", "--no-same-owner", "--directory", m.Host.Path(fresh), "--file",
		m.Host.Path(archive)); err != nil {
		return err
	}
	if _, err := m.Host.Run(ctx, "chown", "--recursive", agentUser+":", m.Host.Path(fresh)); err != nil {
		return err
	}
	if err := os.Rename(m.Host.Path(fresh), m.Host.Path(folder)); err != nil {
		return err
	}
	return os.Remove(m.Host.Path(archive))
}

// latestRelease returns the newest release of a project on a GitHub server, such as 2.335.0. It requests the page that
// redirects to the release. The API for releases allows only 60 requests an hour for all machines behind one NAT
// gateway together.
func latestRelease(ctx context.Context, project string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	address := project + "/releases/latest"
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, address, http.NoBody)
	if err != nil {
		return "", err
	}
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := stay.Do(request)
	if err != nil {
		return "", downloadError(address, err)
	}
	_ = response.Body.Close()
	_, version, found := strings.Cut(response.Header.Get("Location"), "/releases/tag/v")
	if !found || strings.ContainsAny(version, "/?#") {
		return "", downloadError(address, fmt.Errorf("the answer %s redirects to no release", response.Status))
	}
	return version, nil
}

// fileExists reports whether a file exists on the machine.
func fileExists(h host.Host, file string) bool {
	_, err := os.Stat(h.Path(file))
	return err == nil
}

// chooseByArch returns the one of two names that belongs to this machine's architecture.
func chooseByArch(amd64, arm64 string) string {
	if runtime.GOARCH == "arm64" {
		return arm64
	}
	return amd64
}
