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

// lockWait is how long the database's file may be another process's: one that is about to end.
const lockWait = 10 * time.Second

// errDamaged is a file whose content cannot be what was written.
var errDamaged = errors.New("the database is damaged")

// joinKey joins names to a key; check has seen to it that they have no zero in them.
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

// sealSize is how many bytes stand before each value: the checksum of its key and itself. The database has checksums for its two first pages
// alone; with this a damaged one can lose what it knew, and can never answer one task with the hash of another.
const sealSize = 4

var sealTable = crc32.MakeTable(crc32.Castagnoli)

func computeSeal(key []byte, value string) []byte {
	sum := crc32.Update(crc32.Checksum(key, sealTable), sealTable, []byte(value))
	return binary.BigEndian.AppendUint32(nil, sum)
}

// getValue gives the value of a key, and whether there is one.
func getValue(tx *bbolt.Tx, table, key []byte) (value string, found bool, err error) {
	sealed := tx.Bucket(table).Get(key)
	if sealed == nil {
		return "", false, nil
	}
	if len(sealed) < sealSize {
		return "", false, fmt.Errorf("%w: %s %q is cut short", errDamaged, table, key)
	}
	value = string(sealed[sealSize:])
	if !bytes.Equal(sealed[:sealSize], computeSeal(key, value)) {
		return "", false, fmt.Errorf("%w: %s %q is not what was written", errDamaged, table, key)
	}
	return value, true, nil
}

// getReferenced gives the value of a key that another table refers to.
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

// putFirst leaves a value that is there alone.
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

// useDatabase does something with the database. When that shows it to be damaged, it is put aside; who asks next finds a new one.
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

// catchDamage makes an error of what the database does when it meets a page that it cannot read: it panics, or touches memory for which the file
// has no bytes.
func catchDamage(act func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", errDamaged, cause)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return act()
}

// abandonDatabase puts a damaged database aside. It is not closed: the transaction that broke may hold its locks for ever.
func (s *store) abandonDatabase(db *bbolt.DB, cause error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.db.CompareAndSwap(db, nil) { // else another has done it
		if err := moveAside(s.file, cause); err != nil {
			slog.Error("hash equivalence: cannot put the damaged database aside; the next request tries again", "error", err)
		}
	}
}

// currentDatabase gives the database, which it opens unless it is open.
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
			return nil, fmt.Errorf("hash equivalence: putting the damaged database aside: %w; move it away by hand", err)
		}
		db, err = openDatabase(s.file, lockWait)
	}
	if err != nil {
		return nil, fmt.Errorf("hash equivalence: opening %s: %w; see that the data volume is mounted there, has space, and serves one agent", s.file, err)
	}
	s.db.Store(db)
	return db, nil
}

// openDatabase opens a file, or makes it; it waits for another process to let go of it. Its error is errDamaged when the file is at fault, and not the machine.
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
		err = syncFolder(file) // the name of a new file must outlast a power cut as its content does
	}
	if err == nil {
		return db, nil
	}
	if db != nil && !errors.Is(err, errDamaged) { // what is damaged may hold its locks for ever
		err = errors.Join(err, db.Close())
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) || errors.Is(err, bbolterrors.ErrTimeout) || errors.Is(err, errDamaged) {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", errDamaged, err)
}

// moveAside moves a damaged file away, in place of an older one: it is for a person to look at, and must not fill the volume.
func moveAside(file string, cause error) error {
	aside := file + ".corrupt"
	if err := os.Rename(file, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	slog.Error("hash equivalence: the database was put aside and a new one is begun: builds go on, slower until it knows their tasks again",
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
