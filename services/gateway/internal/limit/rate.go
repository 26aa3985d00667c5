package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is a token bucket per client and class of call. A bucket holds a minute's worth, so a minute's requests may come at once.
type Rate struct {
	perMinute map[string]int
	now       func() time.Time

	mutex   sync.Mutex
	buckets map[bucketKey]*bucket
	swept   time.Time
}

type bucketKey struct{ client, class string }

type bucket struct {
	*rate.Limiter
	used time.Time
}

// NewRate takes the requests allowed per minute by class; a class that is missing, or 0, has no limit.
func NewRate(perMinute map[string]int, now func() time.Time) *Rate {
	return &Rate{perMinute: perMinute, now: now, buckets: map[bucketKey]*bucket{}, swept: now()}
}

// Take uses up one request. If there is none left, it returns false and how long to wait for the next.
func (r *Rate) Take(client, class string) (wait time.Duration, ok bool) {
	bucket, now := r.bucket(client, class)
	if bucket == nil {
		return 0, true
	}
	reservation := bucket.ReserveN(now, 1)
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait, false
	}
	return 0, true
}

// Peek returns what Take would, and uses nothing up.
func (r *Rate) Peek(client, class string) (wait time.Duration, ok bool) {
	bucket, now := r.bucket(client, class)
	if bucket == nil {
		return 0, true
	}
	tokens := bucket.TokensAt(now)
	if tokens >= 1 {
		return 0, true
	}
	return time.Duration((1 - tokens) / float64(bucket.Limit()) * float64(time.Second)), false
}

// Charge uses up one request even if there is none left: then the next ones wait the longer.
func (r *Rate) Charge(client, class string) {
	if bucket, now := r.bucket(client, class); bucket != nil {
		bucket.ReserveN(now, 1)
	}
}

// bucket returns a client's bucket, and the time at which it was looked for; nil where the class has no limit.
func (r *Rate) bucket(client, class string) (*bucket, time.Time) {
	perMinute, now := r.perMinute[class], r.now()
	if perMinute == 0 {
		return nil, now
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.sweep(now)
	key := bucketKey{client, class}
	found := r.buckets[key]
	if found == nil {
		found = &bucket{Limiter: rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)}
		r.buckets[key] = found
	}
	found.used = now
	return found, now
}

// sweep forgets the buckets that have been left alone for a minute: they are full again, as a new one is.
func (r *Rate) sweep(now time.Time) {
	if now.Sub(r.swept) < time.Minute {
		return
	}
	r.swept = now
	for key, old := range r.buckets {
		if now.Sub(old.used) >= time.Minute {
			delete(r.buckets, key)
		}
	}
}
