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

// serveLoop is the state of Serve.
type serveLoop struct {
	*Role
	system ci.System
	// protected is what the group was last told; nil: it was told nothing yet, and may have been told anything by an agent before this one.
	protected   *bool
	runningJobs int
	// posture is the last one, read at postured.
	posture       string
	postureReadAt time.Time
	// startFailedAt is when the CI agent could not be started last.
	startFailedAt time.Time
	// draining is open while a drain by posture is under way, and gives its outcome; drained says that one has ended well.
	draining chan error
	drained  bool
	// lastErrors are the last errors by what failed, so that each is told once.
	lastErrors map[string]string
}

// Serve keeps the machine protected while a job runs, its CI agent running, and both in step with the fleet's posture.
func (r *Role) Serve(ctx context.Context) error {
	system, err := r.ciSystem(ctx)
	if err != nil {
		return err
	}
	s := &serveLoop{Role: r, system: system, lastErrors: map[string]string{}}
	var access sync.WaitGroup
	defer access.Wait()
	if name := r.description.Runner.MapParameter; name != "" {
		access.Go(func() {
			if err := cacheclient.MaintainAccess(ctx, r.host, r.cloud, name); err != nil {
				r.log.Warn("the access to the cache is not kept in order; commands read the shard map themselves", "error", err)
			}
		})
		access.Go(func() { cacheclient.WatchShards(ctx, r.host) })
	}
	tick := time.NewTicker(r.times.poll)
	defer tick.Stop()
	for {
		s.runRound(ctx)
		select {
		case <-ctx.Done():
			if s.draining != nil {
				s.logOutcome(ctx, "draining", <-s.draining) // it ends with the context
			}
			return nil
		case <-tick.C:
		}
	}
}

// runRound does one round. No error of it ends the role: the CI agent works without this one, and the next round tries again.
func (s *serveLoop) runRound(ctx context.Context) {
	if time.Since(s.postureReadAt) >= s.times.posture {
		s.posture, s.postureReadAt = s.Role.readPosture(ctx), time.Now()
	}
	s.followPosture(ctx)
	// What cannot be counted is as it was: a machine with a job must not lose its protection for that.
	running, err := s.system.CountJobs(ctx)
	if s.logOutcome(ctx, "counting the running jobs", err); err == nil {
		s.runningJobs = running
	}
	s.updateProtection(ctx, s.runningJobs > 0)
}

// updateProtection tells the group when a job starts to run and when the last has ended, and not in between. Auto Scaling takes it only of a
// machine that is in service, which it is some seconds after its first job may have begun; until then each look tries again.
func (s *serveLoop) updateProtection(ctx context.Context, want bool) {
	if s.protected != nil && *s.protected == want {
		return
	}
	err := s.cloud.SetScaleInProtection(ctx, want)
	if errors.Is(err, aws.ErrBusy) {
		return
	}
	if s.logOutcome(ctx, "setting the protection from scale-in", err); err == nil {
		s.protected = &want
	}
}

// followPosture brings the CI agent to where the posture wants it.
func (s *serveLoop) followPosture(ctx context.Context) {
	select {
	case err := <-s.draining: // nil: never
		s.draining, s.drained = nil, err == nil
		s.logOutcome(ctx, "draining for the posture "+s.posture, err)
	default:
	}
	switch {
	case s.draining != nil:
		// Also when the posture is active again: an agent that was told to end after its last job cannot be told otherwise.
	case s.posture == activePosture && time.Since(s.startFailedAt) < s.times.posture:
		// A CI server that refuses is not asked at every look: it may count the calls of all machines together.
	case s.posture == activePosture:
		err := s.system.EnsureRunning(ctx)
		s.logOutcome(ctx, "keeping the CI system's agent running", err)
		if err != nil {
			s.startFailedAt = time.Now()
		} else if s.drained {
			s.drained = false
			s.log.Info("the machine takes work again")
		}
	case !s.drained:
		s.log.Info("the machine takes no new job and waits for the running ones", "posture", s.posture)
		s.draining = make(chan error, 1)
		go func() { s.draining <- s.drainForPosture(ctx) }()
	}
}

// drainForPosture drains, and removes the machine from the CI system where it can come back under its name. The group takes the machine away; until then
// it stays as it is, idle and unprotected. A name that is used up (JobServ) is kept until the machine ends, since the posture may change back.
func (s *serveLoop) drainForPosture(ctx context.Context) error {
	if err := s.system.DrainJobs(ctx); err != nil || s.system.UsesNameOnce() {
		return err
	}
	return s.unregisterMachine(ctx, s.system)
}

// logOutcome logs an error once, and once that it is over.
func (s *serveLoop) logOutcome(ctx context.Context, what string, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && s.lastErrors[what] != "":
		delete(s.lastErrors, what)
		s.log.Info(what + " works again")
	case err != nil && s.lastErrors[what] != err.Error():
		s.lastErrors[what] = err.Error()
		s.log.Warn(what+" failed; it is tried again", "error", err)
	}
}
