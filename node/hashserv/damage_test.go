package hashserv

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// filled returns a closed database with a number of tasks.
func filled(t *testing.T, tasks int) string {
	t.Helper()
	file := fresh(t)
	s := must(openStore(file))
	err := s.writeTables(func(tx *bbolt.Tx) error {
		for i := range tasks {
			hash := fmt.Sprintf("%064d", i)
			if _, err := insertOutput(tx, output{task: task{method, hash, "u" + hash}, Outhash: "o" + hash}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.close()); err != nil {
		t.Fatal(err)
	}
	return file
}

// Whatever the damage of the file, the server answers, never with a wrong hash, and works with a new file once it has
// found the damage.
func TestDamagedDatabase(t *testing.T) {
	const tasks = 2000
	for name, damage := range map[string]func([]byte) []byte{
		"no database":  func(b []byte) []byte { return []byte(strings.Repeat("not a database\n", 2000)) },
		"a few bytes":  func(b []byte) []byte { return b[:100] },
		"cut short":    func(b []byte) []byte { return b[:3*os.Getpagesize()] },
		"cut in half":  func(b []byte) []byte { return b[:len(b)/2] },
		"zeros":        func(b []byte) []byte { clear(b[2*os.Getpagesize():]); return b },
		"both metas":   func(b []byte) []byte { clear(b[:2*os.Getpagesize()]); return b },
		"other pages":  func(b []byte) []byte { page := 8 * os.Getpagesize(); copy(b[page:], b[2*page:]); return b },
		"another hash": func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "u00000", "u99999")) },
		"another task": func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "\x00000000", "\x00999999")) },
		"one bit":      func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
	} {
		t.Run(name, func(t *testing.T) {
			file := filled(t, tasks)
			if err := os.WriteFile(file, damage(must(os.ReadFile(file))), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := openStore(file)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.close() }()
			for i := range tasks {
				hash := fmt.Sprintf("%064d", i)
				if got, err := s.findUnihash(method, hash); err == nil && got != "" && got != "u"+hash {
					t.Fatalf("%s is answered with %q", hash, got)
				}
			}
			// The first report may be the one that finds the damage; the test retries it, as the client does.
			for _, hash := range []string{"new", "new"} {
				if got, err := s.recordOutput(output{task: task{method, hash, hash}, Outhash: hash}); err == nil && got == hash {
					return
				}
			}
			t.Error("reports are not taken")
		})
	}
}

// A complete and valid value at another task's key is damage too.
func TestValueOfAnotherTask(t *testing.T) {
	s := must(openStore(filled(t, 2)))
	defer func() { _ = s.close() }()
	first, second := fmt.Sprintf("%064d", 0), fmt.Sprintf("%064d", 1)
	err := s.writeTables(func(tx *bbolt.Tx) error {
		table := tx.Bucket(tableUnihash)
		return table.Put(joinKey(method, second), table.Get(joinKey(method, first)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.findUnihash(method, second); !errors.Is(err, errDamaged) {
		t.Errorf("it is answered with %q, %v", got, err)
	}
}

// A damaged entry is an error for every query that meets it, and never counts as an unknown one.
func TestDamagedEntry(t *testing.T) {
	hash := fmt.Sprintf("%064d", 0)
	for _, table := range [][]byte{tableUnihash, tableExists, tableOutput, tableFirstOutput, tableFirstTask} {
		var met int
		for name, query := range map[string]func(*store) error{
			"unihash": func(s *store) error { _, err := s.findUnihash(method, hash); return err },
			"exists":  func(s *store) error { _, err := s.hasUnihash("u" + hash); return err },
			"task":    func(s *store) error { _, err := s.firstOutputOfTask(method, hash); return err },
			"outhash": func(s *store) error { _, err := s.firstOutputOfHash(method, "o"+hash); return err },
		} {
			s := must(openStore(filled(t, 1)))
			if err := query(s); err != nil {
				t.Errorf("%s of a whole database: %v", name, err)
			}
			damage := func(tx *bbolt.Tx) error {
				bucket := tx.Bucket(table)
				key, value := bucket.Cursor().First()
				value = bytes.Clone(value)
				value[0] ^= 1
				return bucket.Put(key, value)
			}
			if err := s.writeTables(damage); err != nil {
				t.Fatal(err)
			}
			switch err := query(s); {
			case errors.Is(err, errDamaged):
				met++
			case err != nil:
				t.Errorf("%s with a damaged entry in %s: %v", name, table, err)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
		}
		// The unihash is part of three answers, and each output of two.
		if want := map[string]int{"unihash": 3, "exists": 1, "output": 2, "first-output": 1, "first-task": 1}[string(table)]; met != want {
			t.Errorf("%d queries meet the damaged entry in %s, want %d", met, table, want)
		}
	}
}

func TestDamagedFileIsMovedAside(t *testing.T) {
	file := fresh(t)
	for _, text := range []string{"older", "newer"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := must(openStore(file))
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		if aside := must(os.ReadFile(file + ".corrupt")); string(aside) != text {
			t.Errorf("put aside is %q; want %q", aside, text)
		}
	}
}

// A fault of the machine is no damage: no file is moved aside.
func TestMachineFaultsAreNoDamage(t *testing.T) {
	held := filled(t, 1)
	s := must(openStore(held))
	defer func() { _ = s.close() }()
	folder := t.TempDir()
	for file, want := range map[string]error{held: bbolterrors.ErrTimeout, folder: syscall.EISDIR, folder + "/missing/db": os.ErrNotExist} {
		if _, err := openDatabase(file, 10*time.Millisecond); !errors.Is(err, want) || errors.Is(err, errDamaged) {
			t.Errorf("%s: %v; want %v", file, err, want)
		}
	}
}

// A file that is truncated while it is served is memory without bytes for its readers: without catchDamage the process
// would end.
func TestDatabaseTruncatedWhileServed(t *testing.T) {
	file := filled(t, 2000)
	address, _ := start(t, file)
	c := connect(t, address, kirkstone)
	hash := fmt.Sprintf("%064d", 1000)
	if got := c.stream(t, "get-stream", method+" "+hash)[0]; got != "u"+hash {
		t.Fatalf("before: %q", got)
	}
	if err := os.Truncate(file, int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	if answer, err := c.invoke(`{"get": {"method": "` + method + `", "taskhash": "` + hash + `"}}`); err == nil {
		t.Fatalf("the damage is answered with %v; want the connection closed", answer)
	}
	c = connect(t, address, kirkstone)
	if answer, err := c.report(hash, "o", "new", ""); unihashOf(answer) != "new" || err != nil {
		t.Errorf("after: %v, %v; want a new database", answer, err)
	}
	if info, err := os.Stat(file + ".corrupt"); err != nil || info.Size() != int64(2*os.Getpagesize()) {
		t.Errorf("put aside: %v, %v", info, err)
	}
}
