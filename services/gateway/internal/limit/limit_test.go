package limit

import (
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestClient(t *testing.T) {
	trusted := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	requests := []struct{ remote, forwarded, want string }{
		{"192.0.2.1:1234", "", "192.0.2.1"},
		{"192.0.2.1:1234", "198.51.100.9", "192.0.2.1"},
		{"10.0.0.1:1234", "198.51.100.9", "198.51.100.9"},
		{"10.0.0.1:1234", "203.0.113.5, 198.51.100.9, 10.1.1.1", "198.51.100.9"},
		{"10.0.0.1:1234", "made up", "10.0.0.1"},
		{"10.0.0.1:1234", "", "10.0.0.1"},
		{"[2001:db8::1]:1234", "", "2001:db8::/64"},
		{"[2001:db8::ffff]:1234", "", "2001:db8::/64"},
		{"[::ffff:192.0.2.1]:1234", "", "192.0.2.1"},
		{"[fe80::1%eth0]:1234", "", "fe80::/64"},
	}
	for _, request := range requests {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = request.remote
		if request.forwarded != "" {
			r.Header.Set("X-Forwarded-For", request.forwarded)
		}
		if got := trusted.Client(r); got != request.want {
			t.Errorf("%s for %q: %s", request.remote, request.forwarded, got)
		}
	}
}

func TestABucketRefillsOverTheMinute(t *testing.T) {
	now := time.Unix(0, 0)
	rate := NewRate(map[string]int{"read": 60}, func() time.Time { return now })
	take := func() (time.Duration, bool) { return rate.Take("a", "read") }
	for i := range 60 {
		if _, ok := take(); !ok {
			t.Fatalf("request %d is refused", i+1)
		}
	}
	if wait, ok := take(); ok || wait != time.Second {
		t.Errorf("%v %s", ok, wait)
	}
	if wait, ok := take(); ok || wait != time.Second {
		t.Errorf("a refusal costs a request: %v %s", ok, wait)
	}
	now = now.Add(time.Second)
	if _, ok := take(); !ok {
		t.Error("nothing was refilled")
	}
	if _, ok := take(); ok {
		t.Error("too much was refilled")
	}
}

func TestLookingCostsNothingAndAChargeIsOwed(t *testing.T) {
	now := time.Unix(0, 0)
	rate := NewRate(map[string]int{"read": 60}, func() time.Time { return now })
	for range 100 {
		if wait, ok := rate.Peek("a", "read"); !ok || wait != 0 {
			t.Fatalf("%v %s", ok, wait)
		}
	}
	for range 62 {
		rate.Charge("a", "read")
	}
	if wait, ok := rate.Peek("a", "read"); ok || wait != 3*time.Second {
		t.Errorf("%v %s", ok, wait)
	}
	if wait, ok := rate.Take("a", "read"); ok || wait != 3*time.Second {
		t.Errorf("%v %s", ok, wait)
	}
	now = now.Add(3 * time.Second)
	if _, ok := rate.Peek("a", "read"); !ok {
		t.Error("what was owed is not paid off")
	}
	if _, ok := rate.Peek("b", "read"); !ok {
		t.Error("another pays")
	}
}

func TestBucketsAreForgotten(t *testing.T) {
	now := time.Unix(0, 0)
	rate := NewRate(map[string]int{"read": 60}, func() time.Time { return now })
	rate.Take("a", "read")
	now = now.Add(59 * time.Second)
	rate.Take("b", "read")
	now = now.Add(2 * time.Second)
	rate.Take("c", "read")
	if _, ok := rate.buckets[bucketKey{"a", "read"}]; ok || len(rate.buckets) != 2 {
		t.Errorf("%v", rate.buckets)
	}
}

func TestNoLimit(t *testing.T) {
	rate := NewRate(map[string]int{"read": 0}, time.Now)
	for range 10_000 {
		rate.Charge("a", "read")
		_, peeked := rate.Peek("a", "read")
		if _, ok := rate.Take("a", "read"); !ok || !peeked {
			t.Fatal("refused")
		}
	}
	if len(rate.buckets) != 0 {
		t.Error("buckets are kept for nothing")
	}
}
