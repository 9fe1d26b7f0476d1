package hashserv

import (
	"math"
	"sync"
	"time"
)

// stats counts requests, including those within streams, and their duration. The zero stats has counted no request.
type stats struct {
	mutex sync.Mutex
	count int
	// In seconds. mean and squares (the sum of squared differences from it) use Welford's method, which does not lose
	// small differences in large sums.
	total, longest, mean, squares float64
}

// timeRequest calls act and counts it as one request.
func (s *stats) timeRequest(act func() error) error {
	start := time.Now()
	defer func() { s.countRequest(time.Since(start).Seconds()) }()
	return act()
}

func (s *stats) countRequest(seconds float64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.count++
	s.total += seconds
	s.longest = max(s.longest, seconds)
	before := s.mean
	s.mean += (seconds - before) / float64(s.count)
	s.squares += (seconds - before) * (seconds - s.mean)
}

type statsAnswer struct {
	Requests struct {
		Num     int     `json:"num"`
		Total   float64 `json:"total_time"`
		Max     float64 `json:"max_time"`
		Average float64 `json:"average"`
		Stdev   float64 `json:"stdev"`
	} `json:"requests"`
}

// readStats returns the counts since the last reset, and resets them if requested.
func (s *stats) readStats(reset bool) (a statsAnswer) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	a.Requests.Num, a.Requests.Total, a.Requests.Max, a.Requests.Average = s.count, s.total, s.longest, s.mean
	if s.count > 1 {
		a.Requests.Stdev = math.Sqrt(s.squares / float64(s.count-1))
	}
	if reset {
		s.count, s.total, s.longest, s.mean, s.squares = 0, 0, 0, 0, 0
	}
	return a
}
