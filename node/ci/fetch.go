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

// downloadTimeout ends a download that hangs. The largest, GitHub's runner, is about 200 MB.
const downloadTimeout = 10 * time.Minute

// downloadFile downloads a file of a CI system's agent whole or not at all. The address is https: that is what its integrity rests on, since not every
// maker publishes sums at a place of their own.
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
		return downloadError(address, fmt.Errorf("the server answers %s", response.Status))
	}
	place := m.Host.Path(file)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(place), ".fetch-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone, once it is renamed
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

func downloadError(address string, err error) error {
	return fmt.Errorf("the CI system's agent cannot be fetched from %s: %w; check the region's network.egress, or use an image that has the agent",
		address, err)
}

// installArchive fetches an archive and unpacks it into a folder, unless one of its files is there already. The file that tells is moved in with the
// folder, which belongs to the CI agents' user by then, so that a half-unpacked folder is never taken for a whole one.
func (m Machine) installArchive(ctx context.Context, address, folder, tells string) error {
	if fileExists(m.Host, path.Join(folder, tells)) {
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
	if _, err := m.Host.Run(ctx, "tar", "--extract", "--gzip", "--no-same-owner", "--directory", m.Host.Path(fresh), "--file", m.Host.Path(archive)); err != nil {
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

// latestRelease gives the newest release of a project on a GitHub server, such as 2.335.0. It asks the page that forwards to it: the interface for
// releases gives 60 answers an hour to all machines behind one NAT gateway together.
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
		return "", downloadError(address, fmt.Errorf("%s forwards to no release", response.Status))
	}
	return version, nil
}

// fileExists says whether a file is there.
func fileExists(h host.Host, file string) bool {
	_, err := os.Stat(h.Path(file))
	return err == nil
}

// chooseByArch gives the one of two names that is the architecture of this machine.
func chooseByArch(amd64, arm64 string) string {
	if runtime.GOARCH == "arm64" {
		return arm64
	}
	return amd64
}
