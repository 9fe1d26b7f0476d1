package cachetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/beachhead-build/beachhead/node/aws"
)

// KeptVersions is the number of versions of a parameter that Parameter Store stores.
const KeptVersions = 100

// ErrUnreachable is the error of a Store that is unreachable.
var ErrUnreachable = errors.New("the control plane is unreachable")

// Store is a Parameter Store: every write creates a version, and it stores only the last 100. The zero Store is empty.
type Store struct {
	mutex    sync.Mutex
	versions map[string][]string
	away     bool
	calls    int
}

// SetAway makes every call fail, or work again.
func (s *Store) SetAway(away bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.away = away
}

// CountCalls returns the number of calls since the last CountCalls.
func (s *Store) CountCalls() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	calls := s.calls
	s.calls = 0
	return calls
}

// GetParameter returns a parameter as aws.Client does.
func (s *Store) GetParameter(ctx context.Context, name string) (aws.Parameter, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.calls++
	if s.away || ctx.Err() != nil {
		return aws.Parameter{}, errors.Join(ErrUnreachable, ctx.Err())
	}
	name, wanted, versioned := strings.Cut(name, ":")
	versions := s.versions[name]
	version := len(versions)
	if versioned {
		version, _ = strconv.Atoi(wanted)
	}
	if version < 1 || version > len(versions) || version <= len(versions)-KeptVersions {
		return aws.Parameter{}, fmt.Errorf("%s version %d: %w", name, version, aws.ErrNotFound)
	}
	return aws.Parameter{Value: versions[version-1], Version: int64(version)}, nil
}

// PutParameter writes a new version.
func (s *Store) PutParameter(ctx context.Context, name, value string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.calls++
	if s.away || ctx.Err() != nil {
		return errors.Join(ErrUnreachable, ctx.Err())
	}
	if s.versions == nil {
		s.versions = map[string][]string{}
	}
	s.versions[name] = append(s.versions[name], value)
	return nil
}
