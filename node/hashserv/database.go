package hashserv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// lockWait is the time for which another process, which is about to end, may hold the database's file.
const lockWait = 10 * time.Second

// errDamaged marks a file whose content differs from what was written.
var errDamaged = errors.New("the database is damaged")

// joinKey joins names to a key; checkNames ensures that they contain no zero byte.
func joinKey(names ...string) []byte {
	var k []byte
	for i, name := range names {
		if i > 0 {
			k = append(k, 0)
		}
		k = append(k, name...)
	}
	return k
}

// sealSize is the number of bytes before each value: a checksum of key and value. The database itself has checksums for
// its first two pages only. With the seal, a damaged database can lose entries, but never answers one task with the
// hash of another.
const sealSize = 4

var sealTable = crc32.MakeTable(crc32.Castagnoli)

func computeSeal(key []byte, value string) []byte {
	sum := crc32.Update(crc32.Checksum(key, sealTable), sealTable, []byte(value))
	return binary.BigEndian.AppendUint32(nil, sum)
}

// getValue returns the value of a key, and whether it exists.
func getValue(tx *bbolt.Tx, table, key []byte) (value string, found bool, err error) {
	sealed := tx.Bucket(table).Get(key)
	if sealed == nil {
		return "", false, nil
	}
	if len(sealed) < sealSize {
		return "", false, fmt.Errorf("%w: %s %q is truncated", errDamaged, table, key)
	}
	value = string(sealed[sealSize:])
	if !bytes.Equal(sealed[:sealSize], computeSeal(key, value)) {
		return "", false, fmt.Errorf("%w: %s %q has a wrong checksum", errDamaged, table, key)
	}
	return value, true, nil
}

// getReferenced returns the value of a key that another table refers to.
func getReferenced(tx *bbolt.Tx, table, key []byte) (string, error) {
	value, found, err := getValue(tx, table, key)
	if err == nil && !found {
		err = fmt.Errorf("%w: %s %q is missing", errDamaged, table, key)
	}
	return value, err
}

func putValue(tx *bbolt.Tx, table, key []byte, value string) error {
	return tx.Bucket(table).Put(key, append(computeSeal(key, value), value...))
}

// putFirst writes a value unless the key exists.
func putFirst(tx *bbolt.Tx, table, key []byte, value string) error {
	if _, found, err := getValue(tx, table, key); err != nil || found {
		return err
	}
	return putValue(tx, table, key, value)
}

func (s *store) readTables(read func(*bbolt.Tx) error) error {
	return s.useDatabase(func(db *bbolt.DB) error { return db.View(read) })
}

func (s *store) writeTables(write func(*bbolt.Tx) error) error {
	return s.useDatabase(func(db *bbolt.DB) error { return db.Update(write) })
}

// useDatabase calls act with the database. If that shows that the database is damaged, it moves the file aside; the
// next call creates a new one.
func (s *store) useDatabase(act func(*bbolt.DB) error) error {
	db, err := s.currentDatabase()
	if err != nil {
		return err
	}
	if err = catchDamage(func() error { return act(db) }); errors.Is(err, errDamaged) {
		s.abandonDatabase(db, err)
	}
	return err
}

// catchDamage turns a panic of the database into an error. The database panics, or accesses memory beyond the file,
// when it cannot read a page.
func catchDamage(act func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", errDamaged, cause)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return act()
}

// abandonDatabase moves a damaged database aside. It does not close it: the transaction that failed may hold its locks
// for ever.
func (s *store) abandonDatabase(db *bbolt.DB, cause error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.db.CompareAndSwap(db, nil) { // else another goroutine did it
		if err := moveAside(s.file, cause); err != nil {
			slog.Error("hash equivalence: cannot move the damaged database aside; the next request retries it", "error", err)
		}
	}
}

// currentDatabase returns the database, and opens it first unless it is open.
func (s *store) currentDatabase() (*bbolt.DB, error) {
	if db := s.db.Load(); db != nil {
		return db, nil
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	if db := s.db.Load(); db != nil {
		return db, nil
	}
	db, err := openDatabase(s.file, lockWait)
	if errors.Is(err, errDamaged) {
		if err := moveAside(s.file, err); err != nil {
			return nil, fmt.Errorf("hash equivalence: moving the damaged database aside: %w; move %s away by hand", err, s.file)
		}
		db, err = openDatabase(s.file, lockWait)
	}
	if err != nil {
		return nil, fmt.Errorf("hash equivalence: opening %s: %w; "+
			"check that the data volume is mounted there (`findmnt`), has space (`df`), and that only one agent runs", s.file, err)
	}
	s.db.Store(db)
	return db, nil
}

// openDatabase opens a file or creates it; it waits until another process releases it. It returns errDamaged when the
// file is at fault, and other errors when the machine is.
func openDatabase(file string, wait time.Duration) (*bbolt.DB, error) {
	var db *bbolt.DB
	err := catchDamage(func() (err error) {
		if db, err = bbolt.Open(file, 0o600, &bbolt.Options{Timeout: wait}); err != nil {
			return err
		}
		return db.Update(func(tx *bbolt.Tx) error {
			for _, table := range [][]byte{tableUnihash, tableExists, tableOutput, tableFirstOutput, tableFirstTask} {
				if _, err := tx.CreateBucketIfNotExists(table); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err == nil {
		err = syncFolder(file) // the name of a new file must survive a power cut like its content
	}
	if err == nil {
		return db, nil
	}
	if db != nil && !errors.Is(err, errDamaged) { // a damaged database may hold its locks for ever
		err = errors.Join(err, db.Close())
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) || errors.Is(err, bbolterrors.ErrTimeout) || errors.Is(err, errDamaged) {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", errDamaged, err)
}

// moveAside renames a damaged file and replaces an earlier one: an operator can inspect it, and the files must not fill
// the volume.
func moveAside(file string, cause error) error {
	aside := file + ".corrupt"
	if err := os.Rename(file, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	slog.Error("hash equivalence: moved the damaged database aside and started a new one; builds are slower until it knows their tasks again",
		"database", file, "aside", aside, "cause", cause)
	return syncFolder(file)
}

func syncFolder(file string) error {
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
