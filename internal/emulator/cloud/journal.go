package cloud

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// JournalName is the one file of an emulated cloud: one line of JSON per committed operation.
const JournalName = "operations.jsonl"

// Operation is one committed change of the emulated cloud, as the program requested it. A refused call and a delete of an absent
// resource are not operations. Changes that the cloud makes on the way, such as the termination of a group's machines, are part of the
// operation.
type Operation struct {
	// Seq counts from 1. At is the wall clock at the commit, before the wait.
	Seq int       `json:"seq"`
	At  time.Time `json:"at"`
	// Op is create, update or delete.
	Op   string `json:"op"`
	Type string `json:"type"`
	ID   string `json:"id"`
	URN  string `json:"urn"`
	// Region is empty for resources of the whole account.
	Region string `json:"region,omitempty"`
	// ModelSeconds is the time that the real cloud would take, with the waits after throttling (docs/facts.md, section 1).
	ModelSeconds float64 `json:"modelSeconds"`
	// Throttled counts the refused attempts before the one that succeeded.
	Throttled int `json:"throttled,omitempty"`
}

// journalLine is one line of the journal: the operation, and every record that it changed, as it is afterwards.
type journalLine struct {
	Operation
	IDs       int       `json:"ids"`
	Addresses int       `json:"addresses"`
	Put       []*Record `json:"put,omitempty"`
	Gone      []Key     `json:"gone,omitempty"`
}

// journal is the open file. Callers hold the lock, across processes, while they read its end or append.
type journal struct {
	file   *os.File
	offset int64 // up to where it has been read
}

// openJournal opens the journal of a directory, and creates both when they are absent. The mode is 0600, because the records contain
// secrets.
func openJournal(dir string) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the emulated cloud's directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, JournalName), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the emulated cloud: %w", err)
	}
	return &journal{file: f}, nil
}

func (j *journal) acquireLock() error {
	for {
		err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (j *journal) releaseLock() error { return syscall.Flock(int(j.file.Fd()), syscall.LOCK_UN) }

// readNewLines reads the lines that any process appended since the last call. No process writes while this one holds the lock.
// Therefore an end without a line break comes from a writer that died: its operation never happened, and readNewLines cuts it off.
func (j *journal) readNewLines(visit func(*journalLine) error) error {
	size, err := j.file.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("reading %s: %w", j.file.Name(), err)
	}
	if size < j.offset {
		return fmt.Errorf("%s has shrunk: another process removed or truncated it while it was in use", j.file.Name())
	}
	if size == j.offset {
		return nil
	}
	n, err := readLines(io.NewSectionReader(j.file, j.offset, size-j.offset), j.file.Name(), visit)
	j.offset += n
	if err != nil {
		return err
	}
	if j.offset < size {
		if err := j.file.Truncate(j.offset); err != nil {
			return fmt.Errorf("cutting off the torn end of %s: %w", j.file.Name(), err)
		}
	}
	return nil
}

// appendLine writes one line in a single write. A reader that holds the lock sees the whole line or a torn end.
func (j *journal) appendLine(raw []byte) error {
	n, err := j.file.Write(append(raw, '\n'))
	if err != nil {
		return fmt.Errorf("writing %s: %w", j.file.Name(), err)
	}
	j.offset += int64(n)
	return nil
}

// replayLines visits every line from the beginning.
func (j *journal) replayLines(visit func(*journalLine) error) error {
	_, err := readLines(io.NewSectionReader(j.file, 0, j.offset), j.file.Name(), visit)
	return err
}

// readLines visits whole lines, and returns their length in bytes.
func readLines(from io.Reader, name string, visit func(*journalLine) error) (int64, error) {
	var done int64
	in := bufio.NewReaderSize(from, 1<<16)
	for {
		raw, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, fmt.Errorf("reading %s: %w", name, err)
		}
		l := &journalLine{}
		if err := json.Unmarshal(bytes.TrimSpace(raw), l); err != nil {
			return done, fmt.Errorf("%s is damaged at byte %d; remove its directory to start an empty cloud: %w", name, done, err)
		}
		if err := visit(l); err != nil {
			return done, err
		}
		done += int64(len(raw))
	}
}
