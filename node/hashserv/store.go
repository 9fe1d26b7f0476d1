package hashserv

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// Tables of the database, each a bucket of keys and values. Entries are never removed or changed, so that "the oldest"
// always equals "the first". A table that stores the first entry is therefore enough, where the original sorts by time.
var (
	tableUnihash     = []byte("unihash")      // method, taskhash → unihash
	tableExists      = []byte("exists")       // unihash → empty
	tableOutput      = []byte("output")       // method, taskhash, outhash → details
	tableFirstOutput = []byte("first-output") // method, taskhash → outhash of the task's first output
	tableFirstTask   = []byte("first-task")   // method, outhash → taskhash of the first task with that output
)

// store is the database. Many goroutines may call its methods at once.
type store struct {
	file    string
	opening sync.Mutex
	db      atomic.Pointer[bbolt.DB] // nil after damage was found, until the next call
	changes chan *change
	written chan struct{} // closed when the last change is written
}

// change is a pending write; its caller waits for done.
type change struct {
	apply   func(*bbolt.Tx) (string, error)
	unihash string
	err     error
	done    chan struct{}
}

func openStore(file string) (*store, error) {
	s := &store{file: file, changes: make(chan *change), written: make(chan struct{})}
	if _, err := s.currentDatabase(); err != nil {
		return nil, err
	}
	go s.writeChanges()
	return s, nil
}

// close waits for pending writes and closes the database. No method may be called after it.
func (s *store) close() error {
	close(s.changes)
	<-s.written
	if db := s.db.Load(); db != nil {
		return db.Close()
	}
	return nil
}

// findUnihash returns the hash that a task goes by; "" when it is unknown.
func (s *store) findUnihash(method, taskhash string) (unihash string, err error) {
	err = s.readTables(func(tx *bbolt.Tx) error {
		unihash, _, err = getValue(tx, tableUnihash, joinKey(method, taskhash))
		return err
	})
	return unihash, err
}

// hasUnihash reports whether any task goes by a hash.
func (s *store) hasUnihash(unihash string) (found bool, err error) {
	err = s.readTables(func(tx *bbolt.Tx) error {
		_, found, err = getValue(tx, tableExists, joinKey(unihash))
		return err
	})
	return found, err
}

// firstOutputOfTask returns the first output that was reported for a task; nil when that is unknown.
func (s *store) firstOutputOfTask(method, taskhash string) (o *output, err error) {
	err = s.readTables(func(tx *bbolt.Tx) error {
		outhash, found, err := getValue(tx, tableFirstOutput, joinKey(method, taskhash))
		if err != nil || !found {
			return err
		}
		o, err = readOutput(tx, method, taskhash, outhash)
		return err
	})
	return o, err
}

// firstOutputOfHash returns the first output that was reported with a hash; nil when that is unknown.
func (s *store) firstOutputOfHash(method, outhash string) (o *output, err error) {
	err = s.readTables(func(tx *bbolt.Tx) error {
		taskhash, found, err := getValue(tx, tableFirstTask, joinKey(method, outhash))
		if err != nil || !found {
			return err
		}
		o, err = readOutput(tx, method, taskhash, outhash)
		return err
	})
	return o, err
}

func readOutput(tx *bbolt.Tx, method, taskhash, outhash string) (*output, error) {
	o := output{task: task{Method: method, Taskhash: taskhash}, Outhash: outhash}
	text, err := getReferenced(tx, tableOutput, joinKey(method, taskhash, outhash))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &o.details); err != nil {
		return nil, fmt.Errorf("%w: output %q: %w", errDamaged, outhash, err)
	}
	o.Unihash, err = getReferenced(tx, tableUnihash, joinKey(method, taskhash))
	return &o, err
}

// recordOutput stores a task's output, and returns the unihash that the task goes by: its existing one; else that of
// the first task with the same output; else the one in the report.
func (s *store) recordOutput(r output) (unihash string, err error) {
	known := false
	err = s.readTables(func(tx *bbolt.Tx) error {
		if _, known, err = getValue(tx, tableOutput, joinKey(r.Method, r.Taskhash, r.Outhash)); err != nil || !known {
			return err
		}
		unihash, known, err = getValue(tx, tableUnihash, joinKey(r.Method, r.Taskhash))
		return err
	})
	if err != nil || known {
		return unihash, err
	}
	return s.submitChange(func(tx *bbolt.Tx) (string, error) { return insertOutput(tx, r) })
}

// assignUnihash assigns a unihash to a task unless it has one, and returns the one that it goes by.
func (s *store) assignUnihash(t task) (string, error) {
	if unihash, err := s.findUnihash(t.Method, t.Taskhash); err != nil || unihash != "" {
		return unihash, err
	}
	return s.submitChange(func(tx *bbolt.Tx) (string, error) { return insertUnihash(tx, t) })
}

// insertOutput writes the output for recordOutput. Another client may have written it meanwhile.
func insertOutput(tx *bbolt.Tx, r output) (string, error) {
	_, known, err := getValue(tx, tableOutput, joinKey(r.Method, r.Taskhash, r.Outhash))
	if err != nil {
		return "", err
	}
	t := r.task
	if !known {
		first, found, err := getValue(tx, tableFirstTask, joinKey(r.Method, r.Outhash))
		if err != nil {
			return "", err
		}
		if found {
			if t.Unihash, err = getReferenced(tx, tableUnihash, joinKey(r.Method, first)); err != nil {
				return "", err
			}
		}
		if err := writeOutput(tx, r); err != nil {
			return "", err
		}
	}
	return insertUnihash(tx, t)
}

func writeOutput(tx *bbolt.Tx, r output) error {
	text, err := json.Marshal(r.details)
	if err != nil {
		return err
	}
	if err := putValue(tx, tableOutput, joinKey(r.Method, r.Taskhash, r.Outhash), string(text)); err != nil {
		return err
	}
	if err := putFirst(tx, tableFirstOutput, joinKey(r.Method, r.Taskhash), r.Outhash); err != nil {
		return err
	}
	return putFirst(tx, tableFirstTask, joinKey(r.Method, r.Outhash), r.Taskhash)
}

func insertUnihash(tx *bbolt.Tx, t task) (string, error) {
	unihash, found, err := getValue(tx, tableUnihash, joinKey(t.Method, t.Taskhash))
	if err != nil || found {
		return unihash, err
	}
	if err := putValue(tx, tableUnihash, joinKey(t.Method, t.Taskhash), t.Unihash); err != nil {
		return "", err
	}
	return t.Unihash, putFirst(tx, tableExists, joinKey(t.Unihash), "")
}

// changeLimit is the maximum number of changes in one write to the disk.
const changeLimit = 1000

// submitChange passes a change to the writer, and waits until it is on the disk.
func (s *store) submitChange(apply func(*bbolt.Tx) (string, error)) (string, error) {
	c := &change{apply: apply, done: make(chan struct{})}
	s.changes <- c
	<-c.done
	return c.unihash, c.err
}

// writeChanges writes changes until the channel is closed. Changes that arrive while the disk is busy are written
// together as soon as it is free. We refused the database's own batches: they wait 10 ms for more changes even when
// none come, and a panic during their write cannot be caught.
func (s *store) writeChanges() {
	defer close(s.written)
	for first := range s.changes {
		batch := s.gatherBatch(first)
		err := s.writeTables(func(tx *bbolt.Tx) (err error) {
			for _, c := range batch {
				if c.unihash, err = c.apply(tx); err != nil {
					return err
				}
			}
			return nil
		})
		for _, c := range batch {
			c.err = err
			close(c.done)
		}
	}
}

// gatherBatch returns the change and those that wait behind it.
func (s *store) gatherBatch(first *change) []*change {
	batch := []*change{first}
	for len(batch) < changeLimit {
		select {
		case c, more := <-s.changes:
			if !more {
				return batch
			}
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}
