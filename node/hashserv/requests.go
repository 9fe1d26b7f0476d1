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

// nameLimit is the longest method or hash. Methods have some 30 characters, hashes 64.
const nameLimit = 1024

// commands that are answered, by name, but for the two streams.
var commands = map[string]func(*session, json.RawMessage) (any, error){
	"ping":          func(*session, json.RawMessage) (any, error) { return map[string]bool{"alive": true}, nil },
	"get":           (*session).get,
	"get-outhash":   (*session).getOuthash,
	"report":        (*session).report,
	"report-equiv":  (*session).reportEquivalent,
	"get-stats":     func(s *session, _ json.RawMessage) (any, error) { return s.stats.answer(false), nil },
	"reset-stats":   func(s *session, _ json.RawMessage) (any, error) { return s.stats.answer(true), nil },
	"backfill-wait": func(*session, json.RawMessage) (any, error) { return map[string]int{"tasks": 0}, nil }, // there is no server behind this one
}

// streams answer a line by a line, until the client ends them.
var streams = map[string]func(*session, string) (string, error){
	"get-stream":    (*session).streamGet,
	"exists-stream": (*session).streamExists,
}

// refused are the commands that administer the original's database.
var refused = []string{
	"remove", "clean-unused", "gc-mark", "gc-mark-stream", "gc-sweep", "gc-status", "get-db-usage", "get-db-query-columns",
	"auth", "refresh-token", "set-user-perms", "get-user", "get-all-users", "new-user", "delete-user", "become-user",
}

// dispatch answers a request. An error ends the connection: what a client makes of that is a warning and a build that goes on, while an error
// in an answer fails the task that asked.
func (s *session) dispatch(request map[string]json.RawMessage) error {
	names := slices.Sorted(maps.Keys(request))
	if len(names) != 1 {
		return fmt.Errorf("%w: %d commands in a message, %.100q; want one", errProtocol, len(names), names)
	}
	name, arguments := names[0], request[names[0]]
	if stream, known := streams[name]; known {
		return s.stream(stream)
	}
	if handle, known := commands[name]; known {
		return s.stats.measure(func() error {
			answer, err := handle(s, arguments)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return s.reply(answer)
		})
	}
	if slices.Contains(refused, name) {
		message := name + " is not done by this server: it keeps no users and removes nothing; clients need no user name here"
		err := s.reply(map[string]any{"invoke-error": map[string]string{"message": message}})
		return errors.Join(fmt.Errorf("%w: %s was refused", errProtocol, name), err)
	}
	return fmt.Errorf("%w: unknown command %.100q", errProtocol, name)
}

func (s *session) stream(answer func(*session, string) (string, error)) error {
	if err := s.reply("ok"); err != nil {
		return err
	}
	for ended := false; !ended; {
		line, err := s.line(idleLimit)
		if err != nil {
			return err
		}
		err = s.stats.measure(func() error {
			if line = trimEnd(line); line == "" || line == "END" {
				ended = true
				return s.write("ok")
			}
			text, err := answer(s, line)
			if err != nil {
				return err
			}
			return s.write(text)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// streamGet answers "METHOD TASKHASH" with the unihash, or with nothing.
func (s *session) streamGet(line string) (string, error) {
	words := strings.Fields(line)
	if len(words) != 2 {
		return "", fmt.Errorf("%w: %.100q in a stream; want a method and a task hash", errProtocol, line)
	}
	return s.store.unihash(words[0], words[1])
}

// streamExists answers a unihash with whether any task has it.
func (s *session) streamExists(unihash string) (string, error) {
	exists, err := s.store.exists(unihash)
	return fmt.Sprint(exists), err
}

// task is what names a task, and the hash that it goes by.
type task struct {
	Method   string `json:"method"`
	Taskhash string `json:"taskhash"`
	Unihash  string `json:"unihash"`
}

// output is what a task has made. All but the hashes is for people who look for the reason of a difference.
type output struct {
	task
	Outhash string `json:"outhash"`
	details
}

type details struct {
	Created        string  `json:"created"` // UTC, as Python writes a time
	Owner          *string `json:"owner"`
	PN             *string `json:"PN"`
	PV             *string `json:"PV"`
	PR             *string `json:"PR"`
	Task           *string `json:"task"`
	OuthashSiginfo *string `json:"outhash_siginfo"`
}

// get answers with the task or, when all is asked for, with its oldest output; null when there is none.
func (s *session) get(arguments json.RawMessage) (any, error) {
	var q struct {
		task
		All bool `json:"all"`
	}
	if err := parse(arguments, &q); err != nil {
		return nil, err
	}
	if err := check(q.Method, q.Taskhash); err != nil {
		return nil, err
	}
	if q.All {
		return s.store.outputOfTask(q.Method, q.Taskhash)
	}
	unihash, err := s.store.unihash(q.Method, q.Taskhash)
	if err != nil || unihash == "" {
		return nil, err
	}
	return task{q.Method, q.Taskhash, unihash}, nil
}

// getOuthash answers with the oldest output that has the hash; null when there is none. Clients may ask for it without its unihash, which the
// original does for outputs whose unihash was removed; here there are none.
func (s *session) getOuthash(arguments json.RawMessage) (any, error) {
	var q output
	if err := parse(arguments, &q); err != nil {
		return nil, err
	}
	if err := check(q.Method, q.Outhash); err != nil {
		return nil, err
	}
	return s.store.outputOfHash(q.Method, q.Outhash)
}

func (s *session) report(arguments json.RawMessage) (any, error) {
	var r output
	if err := parse(arguments, &r); err != nil {
		return nil, err
	}
	if err := check(r.Method, r.Taskhash, r.Outhash, r.Unihash); err != nil {
		return nil, err
	}
	r.Created = time.Now().UTC().Format("2006-01-02 15:04:05.000000")
	unihash, err := s.store.report(r)
	return task{r.Method, r.Taskhash, unihash}, err
}

func (s *session) reportEquivalent(arguments json.RawMessage) (any, error) {
	var r task
	if err := parse(arguments, &r); err != nil {
		return nil, err
	}
	if err := check(r.Method, r.Taskhash, r.Unihash); err != nil {
		return nil, err
	}
	unihash, err := s.store.assign(r)
	return task{r.Method, r.Taskhash, unihash}, err
}

func parse(arguments json.RawMessage, into any) error {
	if err := json.Unmarshal(arguments, into); err != nil {
		return fmt.Errorf("%w: %.100q: %w", errProtocol, arguments, err)
	}
	return nil
}

// check refuses methods and hashes that could not be asked for in a stream, or would break one: a unihash is a line of its own there.
func check(names ...string) error {
	for _, name := range names {
		odd := strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
		if odd || name == "" || len(name) > nameLimit {
			return fmt.Errorf("%w: %.100q as a method or hash; want 1 to %d bytes without white space", errProtocol, name, nameLimit)
		}
	}
	return nil
}
