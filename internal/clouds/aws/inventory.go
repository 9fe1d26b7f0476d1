package aws

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/beachhead-build/beachhead/internal/clouds"
	"github.com/beachhead-build/beachhead/internal/inventory"
)

// Inventory finds what stacks own in one region of an AWS account, read only.
//
// It queries the services themselves. (Refused: the tagging API, which needs one call only. It lists deleted resources for hours and does
// not list what was created a moment ago, which is what this search is for.)
type Inventory struct{ cfg aws.Config }

var _ inventory.Finder = (*Inventory)(nil)

// NewInventory returns the inventory of the account and region that a configuration is for.
func NewInventory(cfg aws.Config) *Inventory {
	cfg = cfg.Copy()
	// The identity check has shown that the account answers, so a call that AWS throttles is worth five attempts.
	cfg.Retryer = func() aws.Retryer { return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 5 }) }
	return &Inventory{cfg: cfg}
}

// FindOwned returns everything with the stack's tag, and everything without tags that belongs to it. Types that no search looks for are
// missing; restype.Type.NotSearched has the reasons. It returns an error that wraps clouds.ErrNotAllowed when permissions are missing.
func (v *Inventory) FindOwned(ctx context.Context, stack string) ([]inventory.Resource, error) {
	ctx, cancel := context.WithTimeout(ctx, clouds.SearchTimeout)
	defer cancel()
	inEC2, others := newEC2Search(v.cfg, stack), newServiceSearch(v.cfg, stack)
	errs := clouds.RunAll(ctx, slices.Concat(inEC2.queries(), others.queries()))
	if err := clouds.Summarize(ctx, "AWS in "+v.cfg.Region, explain(errs)); err != nil {
		return nil, err
	}
	owned := append(inEC2.found.Owned(), others.owned...)
	slices.SortFunc(owned, func(x, y inventory.Resource) int { return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.ID, y.ID)) })
	return owned, nil
}

// serviceSearch queries all services but EC2 about a stack. Its queries can run in parallel.
type serviceSearch struct {
	cfg   aws.Config
	stack string

	mu    sync.Mutex
	owned []inventory.Resource
}

func newServiceSearch(cfg aws.Config, stack string) *serviceSearch {
	return &serviceSearch{cfg: cfg, stack: stack}
}

func (s *serviceSearch) queries() []clouds.Query {
	return []clouds.Query{
		s.findScalingGroups, s.findRoles, s.findInstanceProfiles, s.findLogGroups, s.findZones, s.findTopics, s.findDashboard, s.findKeys,
		s.findParameters, s.findBuckets, s.findSnapshotPolicies,
	}
}

// add records a resource of the stack.
func (s *serviceSearch) add(r inventory.Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owned = append(s.owned, r)
}

// addIfOwned records a resource if its tags show that the stack owns it, and reports whether they do.
func (s *serviceSearch) addIfOwned(typ, id string, tags map[string]string) bool {
	r, owned := inventory.FromTags(s.stack, typ, id, tags)
	if owned {
		s.add(r)
	}
	return owned
}

// tagMap returns a service's tags as a map. Each service has a type of its own for them.
func tagMap[Tag any](list []Tag, pair func(Tag) (key, value *string)) map[string]string {
	tags := map[string]string{}
	for _, tag := range list {
		key, value := pair(tag)
		tags[aws.ToString(key)] = aws.ToString(value)
	}
	return tags
}

// pages is any of the SDK's paginators.
type pages[Page, Options any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*Options)) (*Page, error)
}

func forEachPage[Page, Options any](ctx context.Context, from pages[Page, Options], take func(*Page)) error {
	for from.HasMorePages() {
		page, err := from.NextPage(ctx)
		if err != nil {
			return err
		}
		take(page)
	}
	return nil
}
