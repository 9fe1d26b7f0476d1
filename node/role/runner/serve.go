package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/cacheclient"
	"github.com/beachhead-build/beachhead/node/ci"
)

// server is the state of Serve.
type server struct {
	*Role
	system ci.System
	// protected is what the group was last told; nil: it was told nothing yet, and may have been told anything by an agent before this one.
	protected *bool
	running   int
	// posture is the last one, read at postured.
	posture  string
	postured time.Time
	// failed is when the CI agent could not be started last.
	failed time.Time
	// draining is open while a drain by posture is under way, and gives its outcome; drained says that one has ended well.
	draining chan error
	drained  bool
	// said are the last errors by what failed, so that each is told once.
	said map[string]string
}

// Serve keeps the machine protected while a job runs, its CI agent running, and both in step with the fleet's posture.
func (r *Role) Serve(ctx context.Context) error {
	system, err := r.agent(ctx)
	if err != nil {
		return err
	}
	s := &server{Role: r, system: system, said: map[string]string{}}
	var access sync.WaitGroup
	defer access.Wait()
	if name := r.d.Runner.MapParameter; name != "" {
		access.Go(func() {
			if err := cacheclient.MaintainAccess(ctx, r.host, r.cloud, name); err != nil {
				r.log.Warn("the access to the cache is not kept in order; commands read the shard map themselves", "error", err)
			}
		})
		access.Go(func() { cacheclient.WatchShards(ctx, r.host) })
	}
	tick := time.NewTicker(r.times.look)
	defer tick.Stop()
	for {
		s.look(ctx)
		select {
		case <-ctx.Done():
			if s.draining != nil {
				s.tell(ctx, "draining", <-s.draining) // it ends with the context
			}
			return nil
		case <-tick.C:
		}
	}
}

// look does one round. No error of it ends the role: the CI agent works without this one, and the next round tries again.
func (s *server) look(ctx context.Context) {
	if time.Since(s.postured) >= s.times.posture {
		s.posture, s.postured = s.Role.posture(ctx), time.Now()
	}
	s.follow(ctx)
	// What cannot be counted is as it was: a machine with a job must not lose its protection for that.
	running, err := s.system.Running(ctx)
	if s.tell(ctx, "counting the running jobs", err); err == nil {
		s.running = running
	}
	s.protect(ctx, s.running > 0)
}

// protect tells the group when a job starts to run and when the last has ended, and not in between. Auto Scaling takes it only of a
// machine that is in service, which it is some seconds after its first job may have begun; until then each look tries again.
func (s *server) protect(ctx context.Context, want bool) {
	if s.protected != nil && *s.protected == want {
		return
	}
	err := s.cloud.Protect(ctx, want)
	if errors.Is(err, aws.ErrBusy) {
		return
	}
	if s.tell(ctx, "setting the protection from scale-in", err); err == nil {
		s.protected = &want
	}
}

// follow brings the CI agent to where the posture wants it.
func (s *server) follow(ctx context.Context) {
	select {
	case err := <-s.draining: // nil: never
		s.draining, s.drained = nil, err == nil
		s.tell(ctx, "draining for the posture "+s.posture, err)
	default:
	}
	switch {
	case s.draining != nil:
		// Also when the posture is active again: an agent that was told to end after its last job cannot be told otherwise.
	case s.posture == active && time.Since(s.failed) < s.times.posture:
		// A CI server that refuses is not asked at every look: it may count the calls of all machines together.
	case s.posture == active:
		err := s.system.Start(ctx)
		s.tell(ctx, "keeping the CI system's agent running", err)
		if err != nil {
			s.failed = time.Now()
		} else if s.drained {
			s.drained = false
			s.log.Info("the machine takes work again")
		}
	case !s.drained:
		s.log.Info("the machine takes no new job and waits for the running ones", "posture", s.posture)
		s.draining = make(chan error, 1)
		go func() { s.draining <- s.retire(ctx) }()
	}
}

// retire drains, and removes the machine from the CI system where it can come back under its name. The group takes the machine away; until then
// it stays as it is, idle and unprotected. A name that is used up (JobServ) is kept until the machine ends, since the posture may change back.
func (s *server) retire(ctx context.Context) error {
	if err := s.system.Drain(ctx); err != nil || s.system.Final() {
		return err
	}
	return s.unregister(ctx, s.system)
}

// tell logs an error once, and once that it is over.
func (s *server) tell(ctx context.Context, what string, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && s.said[what] != "":
		delete(s.said, what)
		s.log.Info(what + " works again")
	case err != nil && s.said[what] != err.Error():
		s.said[what] = err.Error()
		s.log.Warn(what+" failed; it is tried again", "error", err)
	}
}
