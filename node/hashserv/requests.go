package hashserv

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// nameLimit is the maximum length of a method or hash. Methods have some 30 characters, hashes 64.
const nameLimit = 1024

// commands holds the handler of each command, except the two streams.
var commands = map[string]func(*session, json.RawMessage) (any, error){
	"ping":         func(*session, json.RawMessage) (any, error) { return map[string]bool{"alive": true}, nil },
	"get":          (*session).answerGet,
	"get-outhash":  (*session).answerGetOuthash,
	"report":       (*session).answerReport,
	"report-equiv": (*session).answerReportEquiv,
	"get-stats":    func(s *session, _ json.RawMessage) (any, error) { return s.stats.readStats(false), nil },
	"reset-stats":  func(s *session, _ json.RawMessage) (any, error) { return s.stats.readStats(true), nil },
	// Another server behind this one would have tasks to copy; there is none.
	"backfill-wait": func(*session, json.RawMessage) (any, error) { return map[string]int{"tasks": 0}, nil },
}

// streams holds the handler of each stream; it answers each line by a line, until the client ends the stream.
var streams = map[string]func(*session, string) (string, error){
	"get-stream":    (*session).answerGetStream,
	"exists-stream": (*session).answerExistsStream,
}

// refused lists the commands that administer the original's database.
var refused = []string{
	"remove", "clean-unused", "gc-mark", "gc-mark-stream", "gc-sweep", "gc-status", "get-db-usage", "get-db-query-columns",
	"auth", "refresh-token", "set-user-perms", "get-user", "get-all-users", "new-user", "delete-user", "become-user",
}

// answerRequest answers a request. An error closes the connection: the client then prints a warning and the build
// continues, while an error inside an answer would fail the task.
func (s *session) answerRequest(request map[string]json.RawMessage) error {
	names := slices.Sorted(maps.Keys(request))
	if len(names) != 1 {
		return fmt.Errorf("%w: %d commands in a message, %.100q; want one", errProtocol, len(names), names)
	}
	name, arguments := names[0], request[names[0]]
	if stream, known := streams[name]; known {
		return s.serveStream(stream)
	}
	if handle, known := commands[name]; known {
		return s.stats.timeRequest(func() error {
			answer, err := handle(s, arguments)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return s.writeMessage(answer)
		})
	}
	if slices.Contains(refused, name) {
		message := name + " is not supported by this server: it has no users and removes nothing; connect without a user name"
		err := s.writeMessage(map[string]any{"invoke-error": map[string]string{"message": message}})
		return errors.Join(fmt.Errorf("%w: %s was refused", errProtocol, name), err)
	}
	return fmt.Errorf("%w: unknown command %.100q", errProtocol, name)
}

func (s *session) serveStream(answer func(*session, string) (string, error)) error {
	if err := s.writeMessage("ok"); err != nil {
		return err
	}
	for ended := false; !ended; {
		line, err := s.readLine(idleTimeout)
		if err != nil {
			return err
		}
		err = s.stats.timeRequest(func() error {
			if line = trimEnd(line); line == "" || line == "END" {
				ended = true
				return s.writeLine("ok")
			}
			text, err := answer(s, line)
			if err != nil {
				return err
			}
			return s.writeLine(text)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// answerGetStream answers "METHOD TASKHASH" with the unihash, or with an empty line.
func (s *session) answerGetStream(line string) (string, error) {
	words := strings.Fields(line)
	if len(words) != 2 {
		return "", fmt.Errorf("%w: %.100q in a stream; want a method and a task hash", errProtocol, line)
	}
	return s.store.findUnihash(words[0], words[1])
}

// answerExistsStream answers a unihash with true or false: whether any task has it.
func (s *session) answerExistsStream(unihash string) (string, error) {
	exists, err := s.store.hasUnihash(unihash)
	return fmt.Sprint(exists), err
}

// task identifies a task, and holds the hash that it goes by.
type task struct {
	Method   string `json:"method"`
	Taskhash string `json:"taskhash"`
	Unihash  string `json:"unihash"`
}

// output is the output of a task. Only the hashes matter to builds; the other fields help people to find the reason of
// a difference.
type output struct {
	task
	Outhash string `json:"outhash"`
	details
}

type details struct {
	Created        string  `json:"created"` // UTC, in the format of Python
	Owner          *string `json:"owner"`
	PN             *string `json:"PN"`
	PV             *string `json:"PV"`
	PR             *string `json:"PR"`
	Task           *string `json:"task"`
	OuthashSiginfo *string `json:"outhash_siginfo"`
}

// answerGet answers with the task or, when the client requests all, with its oldest output; null when it is unknown.
func (s *session) answerGet(arguments json.RawMessage) (any, error) {
	var q struct {
		task
		All bool `json:"all"`
	}
	if err := parseArguments(arguments, &q); err != nil {
		return nil, err
	}
	if err := checkNames(q.Method, q.Taskhash); err != nil {
		return nil, err
	}
	if q.All {
		return s.store.firstOutputOfTask(q.Method, q.Taskhash)
	}
	unihash, err := s.store.findUnihash(q.Method, q.Taskhash)
	if err != nil || unihash == "" {
		return nil, err
	}
	return task{q.Method, q.Taskhash, unihash}, nil
}

// answerGetOuthash answers with the oldest output that has the hash; null when it is unknown. Clients may request it
// without its unihash. The original does that for outputs whose unihash was removed; this server has no such outputs.
func (s *session) answerGetOuthash(arguments json.RawMessage) (any, error) {
	var q output
	if err := parseArguments(arguments, &q); err != nil {
		return nil, err
	}
	if err := checkNames(q.Method, q.Outhash); err != nil {
		return nil, err
	}
	return s.store.firstOutputOfHash(q.Method, q.Outhash)
}

func (s *session) answerReport(arguments json.RawMessage) (any, error) {
	var r output
	if err := parseArguments(arguments, &r); err != nil {
		return nil, err
	}
	if err := checkNames(r.Method, r.Taskhash, r.Outhash, r.Unihash); err != nil {
		return nil, err
	}
	r.Created = time.Now().UTC().Format("2006-01-02 15:04:05.000000")
	unihash, err := s.store.recordOutput(r)
	return task{r.Method, r.Taskhash, unihash}, err
}

func (s *session) answerReportEquiv(arguments json.RawMessage) (any, error) {
	var r task
	if err := parseArguments(arguments, &r); err != nil {
		return nil, err
	}
	if err := checkNames(r.Method, r.Taskhash, r.Unihash); err != nil {
		return nil, err
	}
	unihash, err := s.store.assignUnihash(r)
	return task{r.Method, r.Taskhash, unihash}, err
}

func parseArguments(arguments json.RawMessage, into any) error {
	if err := json.Unmarshal(arguments, into); err != nil {
		return fmt.Errorf("%w: %.100q: %w", errProtocol, arguments, err)
	}
	return nil
}

// checkNames refuses methods and hashes that a stream cannot carry: there each unihash is a line of its own.
func checkNames(names ...string) error {
	for _, name := range names {
		odd := strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
		if odd || name == "" || len(name) > nameLimit {
			return fmt.Errorf("%w: %.100q is not a valid method or hash; want 1 to %d bytes without white space", errProtocol, name, nameLimit)
		}
	}
	return nil
}
