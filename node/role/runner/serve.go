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
	// protected is the protection that the group has confirmed; nil before the first call, because an earlier agent may
	// have set either.
	protected   *bool
	runningJobs int
	// posture is the last posture, which Serve read at postureReadAt.
	posture       string
	postureReadAt time.Time
	// startFailedAt is the time of the last failed start of the CI agent.
	startFailedAt time.Time
	// draining is set while a drain for the posture runs, and delivers its outcome. drained reports that one has
	// succeeded.
	draining chan error
	drained  bool
	// lastErrors maps each step to its last error, so that each error is logged once.
	lastErrors map[string]string
}

// Serve protects the machine from scale-in while a job runs, keeps its CI agent running, and makes both follow the
// fleet's posture. It returns nil when the context ends.
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
				r.log.Warn("updating the access to the cache failed; commands read the shard map themselves", "error", err)
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
				s.logOutcome(ctx, "draining", <-s.draining) // the drain ends with the context
			}
			return nil
		case <-tick.C:
		}
	}
}

// runRound runs one round. No error ends the role: the CI agent works without it, and the next round retries.
func (s *serveLoop) runRound(ctx context.Context) {
	if time.Since(s.postureReadAt) >= s.times.posture {
		s.posture, s.postureReadAt = s.readPosture(ctx), time.Now()
	}
	s.followPosture(ctx)
	// When the count fails, the last count stays: a machine with a job must not lose its protection for that.
	running, err := s.system.CountJobs(ctx)
	if s.logOutcome(ctx, "counting the running jobs", err); err == nil {
		s.runningJobs = running
	}
	s.updateProtection(ctx, s.runningJobs > 0)
}

// updateProtection calls Auto Scaling when the first job starts and when the last one has ended, and not in between.
// Auto Scaling accepts the call only while the machine is in service, which may be some seconds after its first job
// starts; until then each round retries.
func (s *serveLoop) updateProtection(ctx context.Context, want bool) {
	if s.protected != nil && *s.protected == want {
		return
	}
	err := s.cloud.SetScaleInProtection(ctx, want)
	if errors.Is(err, aws.ErrBusy) {
		return
	}
	if s.logOutcome(ctx, "setting the scale-in protection", err); err == nil {
		s.protected = &want
	}
}

// followPosture starts or drains the CI agent as the posture requires.
func (s *serveLoop) followPosture(ctx context.Context) {
	select {
	case err := <-s.draining: // a nil channel never delivers
		s.draining, s.drained = nil, err == nil
		s.logOutcome(ctx, "draining for the posture "+s.posture, err)
	default:
	}
	switch {
	case s.draining != nil:
		// This also applies when the posture is active again: an agent that ends after its last job cannot be stopped
		// from ending.
	case s.posture == activePosture && time.Since(s.startFailedAt) < s.times.posture:
		// The agent does not call a CI server that refuses it in every round: the server may count the calls of all
		// machines together.
	case s.posture == activePosture:
		err := s.system.EnsureRunning(ctx)
		s.logOutcome(ctx, "keeping the CI system's agent running", err)
		if err != nil {
			s.startFailedAt = time.Now()
		} else if s.drained {
			s.drained = false
			s.log.Info("machine accepts jobs again")
		}
	case !s.drained:
		s.log.Info("machine accepts no new job and waits for the running ones", "posture", s.posture)
		s.draining = make(chan error, 1)
		go func() { s.draining <- s.drainForPosture(ctx) }()
	}
}

// drainForPosture drains the machine and removes it from the CI system if the machine can register again under its
// name. The machine then stays idle and unprotected until the group terminates it. If the name can be used only once
// (JobServ), the machine stays registered until it terminates, because the posture may change back.
func (s *serveLoop) drainForPosture(ctx context.Context) error {
	if err := s.system.DrainJobs(ctx); err != nil || s.system.UsesNameOnce() {
		return err
	}
	return s.unregisterMachine(ctx, s.system)
}

// logOutcome logs an error once, and once that the step works again.
func (s *serveLoop) logOutcome(ctx context.Context, step string, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && s.lastErrors[step] != "":
		delete(s.lastErrors, step)
		s.log.Info("step works again", "step", step)
	case err != nil && s.lastErrors[step] != err.Error():
		s.lastErrors[step] = err.Error()
		s.log.Warn("step failed; retrying", "step", step, "error", err)
	}
}
