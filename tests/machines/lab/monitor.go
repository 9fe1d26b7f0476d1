//go:build machines

package lab

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// monitor speaks QEMU's machine protocol (QMP), and the guest agent's, which is the same but for its greeting.
type monitor struct {
	mutex   sync.Mutex
	conn    net.Conn
	answers *bufio.Reader
}

type reply struct {
	Return json.RawMessage
	Error  *struct{ Class, Desc string }
	Event  string
	Data   struct{ Device string }
}

func dialMonitor(path string) (*monitor, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return &monitor{conn: conn, answers: bufio.NewReader(conn)}, nil
}

// execute runs a command and decodes what it returns, unless into is nil. Events that come before the answer are dropped.
func (m *monitor) execute(limit time.Duration, command string, arguments, into any) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	line, err := json.Marshal(map[string]any{"execute": command, "arguments": arguments})
	if err != nil {
		return err
	}
	if err := m.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := m.conn.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	for {
		answer, err := m.readReply()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", command, err)
		case answer.Error != nil:
			return fmt.Errorf("%s: %s: %s", command, answer.Error.Class, answer.Error.Desc)
		case answer.Return != nil && into != nil:
			return json.Unmarshal(answer.Return, into)
		case answer.Return != nil:
			return nil
		}
	}
}

func (m *monitor) readReply() (reply, error) {
	var answer reply
	line, err := m.answers.ReadBytes('\n')
	if err != nil {
		return answer, err
	}
	line = bytes.TrimPrefix(line, []byte{0xff}) // the guest agent's answer to the same byte, after which it is in step
	return answer, json.Unmarshal(bytes.TrimLeft(line, "\r\n"), &answer)
}

// finishGreeting reads QMP's greeting and ends the negotiation.
func (m *monitor) finishGreeting() error {
	if _, err := m.readReply(); err != nil {
		return err
	}
	return m.execute(10*time.Second, "qmp_capabilities", struct{}{}, nil)
}

// syncGuest waits for the guest agent. The byte 0xff makes it drop a half-read command, and the number distinguishes the answer from an
// older one.
func (m *monitor) syncGuest(limit time.Duration) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	number := time.Now().UnixNano() & 0xffffff
	if err := m.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(m.conn, "\xff{\"execute\":\"guest-sync\",\"arguments\":{\"id\":%d}}\n", number); err != nil {
		return err
	}
	for {
		answer, err := m.readReply()
		if ne := net.Error(nil); err != nil && (errors.As(err, &ne) || strings.Contains(err.Error(), "EOF")) {
			return err
		}
		if err == nil && string(answer.Return) == fmt.Sprint(number) {
			return nil
		}
	}
}

// execStatus is the result of a command in the guest.
type execStatus struct {
	Exited   bool
	ExitCode int
	Out      string `json:"out-data"`
	Err      string `json:"err-data"`
}

// runShell runs a command in the guest and returns its output and exit code.
func (m *monitor) runShell(limit time.Duration, command string) (string, int, error) {
	deadline := time.Now().Add(limit)
	if err := m.syncGuest(min(limit, 20*time.Second)); err != nil {
		return "", 0, err
	}
	var started struct{ Pid int }
	err := m.execute(limit, "guest-exec", map[string]any{"path": "/bin/sh", "arg": []string{"-c", "exec 2>&1\n" + command},
		"capture-output": true}, &started)
	if err != nil {
		return "", 0, err
	}
	for time.Now().Before(deadline) {
		var s execStatus
		if err := m.execute(time.Until(deadline), "guest-exec-status", map[string]int{"pid": started.Pid}, &s); err != nil {
			return "", 0, err
		}
		if s.Exited {
			out, err := base64.StdEncoding.DecodeString(s.Out)
			return string(out), s.ExitCode, err
		}
		time.Sleep(300 * time.Millisecond)
	}
	return "", 0, fmt.Errorf("%q has not ended within %s", command, limit)
}
