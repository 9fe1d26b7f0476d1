package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// image returns a host with the apt sources of Debian's image for EC2 and a repository that somebody added.
func image(t *testing.T, release string) Host {
	t.Helper()
	h := Host{Root: t.TempDir()}
	for file, text := range map[string]string{
		osRelease:   release,
		sourcesList: "deb http://deb.debian.org/debian bookworm main\n",
		debianSources: "Types: deb deb-src\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: " +
			"bookworm\nComponents: main\n",
		"/etc/apt/sources.list.d/own.list": "deb [trusted=yes] https://own.example.com/apt stable main\n",
	} {
		if _, err := h.WriteFile(file, 0o644, text); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

const bookworm = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n"

func read(t *testing.T, h Host, file string) string {
	t.Helper()
	text, err := os.ReadFile(h.Path(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// apt puts an apt-get and a dpkg-query on the PATH. The apt-get records its arguments and the sources that it would
// read.
func apt(t *testing.T, h Host, states string) (did func() string) {
	t.Helper()
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	for name, text := range map[string]string{
		"apt-get":    `for last; do :; done; echo "$last" >>` + log + "; grep -h ^URIs " + h.Path(debianSources) + " >>" + log,
		"dpkg-query": "printf '" + states + "'",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return func() string {
		text, err := os.ReadFile(log)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(text)
	}
}

// The mirror is written before apt runs, in the files that everybody's apt reads. A second call changes nothing.
func TestPackagesFromAMirror(t *testing.T) {
	for _, address := range []string{"https://deb.example.com/mirrors", "https://deb.example.com/mirrors/"} {
		h := image(t, bookworm)
		h.AptMirror = address
		did := apt(t, h, `not-installed\n`)
		for range 2 {
			if err := h.InstallPackages(t.Context(), "nfs-common"); err != nil {
				t.Fatal(err)
			}
		}
		const asked = "URIs: https://deb.example.com/mirrors/debian\nURIs: https://deb.example.com/mirrors/debian-security\n"
		once := "update\n" + asked + "nfs-common\n" + asked
		if got := did(); got != once+once {
			t.Errorf("%s: apt did\n%s", address, got)
		}
	}
}

// Jobs use the mirror also when the image has every package that the agent needs.
func TestMirrorWithoutPackages(t *testing.T) {
	h := image(t, bookworm)
	h.AptMirror = "https://deb.example.com"
	did := apt(t, h, `installed\n`)
	if err := h.InstallPackages(t.Context(), "nfs-common"); err != nil || did() != "" {
		t.Errorf("%v; apt did %s", err, did())
	}
	if text := read(t, h, debianSources); !strings.Contains(text, "URIs: https://deb.example.com/debian\n") {
		t.Errorf("apt reads %s", text)
	}
	for _, file := range []string{debianSources, sourcesList} {
		if info, err := os.Stat(h.Path(file)); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v; want every user to read it", file, info, err)
		}
	}
}

func TestPackagesWithoutAMirror(t *testing.T) {
	h := image(t, bookworm)
	list, sources := read(t, h, sourcesList), read(t, h, debianSources)
	apt(t, h, `not-installed\n`)
	if err := h.InstallPackages(t.Context(), "nfs-common"); err != nil {
		t.Fatal(err)
	}
	if read(t, h, sourcesList) != list || read(t, h, debianSources) != sources {
		t.Error("the image's own sources are no longer there")
	}
}

func TestMirrorOfAnotherRelease(t *testing.T) {
	for release, want := range map[string]string{
		"VERSION_CODENAME=trixie\n": "trixie trixie-updates", "ID=debian\nVERSION_CODENAME=\"trixie\"": "trixie trixie-updates",
	} {
		h := image(t, release)
		h.AptMirror = "https://deb.example.com"
		if err := h.configureAptMirror(); err != nil {
			t.Fatal(err)
		}
		text := read(t, h, debianSources)
		if !strings.Contains(text, "\nSuites: "+want+"\n") || !strings.Contains(text, "\nSuites: trixie-security\n") || strings.Contains(text,
			"bookworm") {
			t.Errorf("%q gives\n%s", release, text)
		}
	}
	h := image(t, "ID=gentoo\nOLD_VERSION_CODENAME=x\n")
	h.AptMirror = "https://deb.example.com"
	did := apt(t, h, `not-installed\n`)
	if err := h.InstallPackages(t.Context(), "nfs-common"); err == nil || !strings.Contains(err.Error(),
		"no VERSION_CODENAME; use Debian's own image") {
		t.Errorf("without a release: %v", err)
	}
	if err := os.Remove(h.Path(osRelease)); err != nil {
		t.Fatal(err)
	}
	if err := h.InstallPackages(t.Context(), "nfs-common"); err == nil || !strings.Contains(err.Error(), "use Debian's own image") {
		t.Errorf("without os-release: %v", err)
	}
	if did() != "" {
		t.Errorf("apt did %s", did())
	}
}

// The real apt prints the addresses that it would download: only the mirror's and those that others added. On a machine
// with no apt, the test is skipped.
func TestAptReadsTheMirror(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("no apt on this machine")
	}
	h := image(t, bookworm)
	h.AptMirror = "https://deb.example.com/mirrors"
	if err := h.configureAptMirror(); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"/etc/apt/apt.conf.d", "/etc/apt/preferences.d", "/var/lib/apt/lists/partial",
		"/var/cache/apt/archives/partial"} {
		if err := os.MkdirAll(h.Path(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.WriteFile("/var/lib/dpkg/status", 0o644, ""); err != nil {
		t.Fatal(err)
	}
	out, err := h.Run(t.Context(), "env", "LC_ALL=C", "APT_CONFIG=/dev/null", "apt-get", "-o", "Dir="+h.Root, "--print-uris", "update")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out) {
		if uri := strings.Trim(strings.Fields(line)[0], "'"); strings.HasSuffix(uri, "/InRelease") { // one for each suite
			got = append(got, uri)
		}
	}
	slices.Sort(got)
	want := []string{
		"https://deb.example.com/mirrors/debian-security/dists/bookworm-security/InRelease",
		"https://deb.example.com/mirrors/debian/dists/bookworm-updates/InRelease",
		"https://deb.example.com/mirrors/debian/dists/bookworm/InRelease",
		"https://own.example.com/apt/dists/stable/InRelease",
	}
	if !slices.Equal(got, want) {
		t.Errorf("apt would fetch\n%s", strings.Join(got, "\n"))
	}
}
