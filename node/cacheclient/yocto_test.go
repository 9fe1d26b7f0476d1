package cacheclient

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/node/hashserv"
)

// variables reads settings as bitbake does: it joins continued lines and drops comments. The operator is part of the
// name.
func variables(text string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
		if left, right, is := strings.Cut(line, `"`); is && !strings.HasPrefix(line, "#") {
			found[strings.TrimSpace(left)] = strings.TrimSuffix(strings.TrimSpace(right), `"`)
		}
	}
	return found
}

// pairs reads a list of mirrors as bitbake does (mirror_from_string of fetch2).
func pairs(text string) (list [][2]string) {
	fields := strings.Fields(strings.ReplaceAll(text, `\n`, " "))
	for pair := range slices.Chunk(fields, 2) {
		list = append(list, [2]string{pair[0], pair[1]})
	}
	return list
}

func TestYocto(t *testing.T) {
	m := newMachine(t)
	two := m.NewTable(2, map[string]int{"acme": 1})
	m.WriteTable(m.store, mapName, m.NewTable(1, nil))
	m.WriteTable(m.store, mapName, two)
	m.ServeShard(two, 0)
	_, stop := m.ServeShard(two, 1)
	hash := netip.AddrPortFrom(two.ShardAddress(0), hashserv.Port).String()
	listener, err := net.Listen("tcp", hash)
	if err != nil {
		t.Fatal(err)
	}
	text := m.run(t, "yocto", "acme")
	got := variables(text)
	folder := func(shard string) string {
		return "file://" + filepath.Join(m.Root, shardFolder, shard, TenantFolder("acme"))
	}
	want := [][2]string{{"file://.*", folder("00") + "/sstate/PATH"}, {"file://.*", folder("01") + "/sstate/PATH"}}
	if mirrors := pairs(got["SSTATE_MIRRORS =+"]); !slices.Equal(mirrors, want) {
		t.Errorf("mirrors are %v, want %v", mirrors, want)
	}
	// Each entry ends with bitbake's own separator, which existing content of the variable may need.
	if strings.Count(got["SSTATE_MIRRORS =+"], `\n`) != 2 {
		t.Errorf("entries of %q are not separated", got["SSTATE_MIRRORS =+"])
	}
	for name, value := range map[string]string{
		"SOURCE_MIRROR_URL ?=": folder("00") + "/downloads", "INHERIT +=": "own-mirrors", "BB_HASHSERVE =": hash,
		"BB_SIGNATURE_HANDLER =": "OEEquivHash", "SSTATE_DIR ?=": "${TOPDIR}/cache/sstate", "DL_DIR ?=": "${TOPDIR}/cache/downloads",
		"BB_GENERATE_MIRROR_TARBALLS ?=": "1",
	} {
		if got[name] != value {
			t.Errorf(`%s "%s", want "%s"`, name, got[name], value)
		}
	}
	// A place and a service that are unreachable are left out, and the settings are still complete.
	stop()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	got = variables(m.run(t, "yocto", "acme"))
	if mirrors := pairs(got["SSTATE_MIRRORS =+"]); !slices.Equal(mirrors, want[:1]) {
		t.Errorf("mirrors are %v, want %v", mirrors, want[:1])
	}
	if got["BB_HASHSERVE ="] != "" || got["BB_SIGNATURE_HANDLER ="] != "OEBasicHash" {
		t.Errorf("hash server %q, handler %q", got["BB_HASHSERVE ="], got["BB_SIGNATURE_HANDLER ="])
	}
}

// Without any cache a build continues with its local folders.
func TestYoctoWithoutCache(t *testing.T) {
	m := newMachine(t)
	got := variables(m.run(t, "yocto", "acme"))
	if got["SSTATE_DIR ?="] == "" || got["SSTATE_MIRRORS =+"] != "" || got["INHERIT +="] != "" ||
		got["BB_SIGNATURE_HANDLER ="] != "OEBasicHash" {
		t.Errorf("settings are %v", got)
	}
}
