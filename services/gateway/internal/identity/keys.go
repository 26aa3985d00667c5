package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const rereadEvery = 5 * time.Second

// apiKey is all that is kept of a key. The keys are random and long, so a plain hash gives none of them away.
type apiKey struct {
	digest [sha256.Size]byte
	caller Caller
}

// keyRing is the API keys of a file.
type keyRing struct {
	path string
	read []byte // the file as it was last read, fit or not
	keys atomic.Pointer[[]apiKey]
}

func newKeyRing(path string) (*keyRing, error) {
	ring := &keyRing{path: path}
	_, err := ring.reread()
	return ring, err
}

// CheckKeys names every mistake of a file of API keys.
func CheckKeys(path string) error {
	_, err := newKeyRing(path)
	return err
}

// reread takes in the file if it has changed. One with mistakes is not taken in, not even in part.
func (k *keyRing) reread() (changed bool, err error) {
	content, err := os.ReadFile(k.path)
	if err != nil {
		return false, err
	}
	if k.keys.Load() != nil && bytes.Equal(content, k.read) {
		return false, nil
	}
	k.read = content
	keys, err := parseKeys(string(content))
	if err != nil {
		return false, err
	}
	k.keys.Store(&keys)
	return true, nil
}

// follow rereads the file again and again until the context ends. Each new mistake is logged once.
func (k *keyRing) follow(ctx context.Context, every time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var told string
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := k.reread()
		switch {
		case changed:
			told = ""
			log.InfoContext(ctx, "identity.api_keys_read", "count", len(*k.keys.Load()))
		case err != nil && err.Error() != told:
			told = err.Error()
			log.ErrorContext(ctx, "identity.api_keys_not_read", "cause", told)
		}
	}
}

// holder compares with every key, each in constant time, so that the time taken tells nothing of them.
func (k *keyRing) holder(presented string) (*Caller, *Refusal) {
	digest := sha256.Sum256([]byte(presented))
	var found *Caller
	for _, key := range *k.keys.Load() {
		if subtle.ConstantTimeCompare(key.digest[:], digest[:]) == 1 {
			found = &key.caller
		}
	}
	if found == nil {
		return nil, unknownKey
	}
	return found, nil
}

// parseKeys reads lines of NAME SHA256 ROLE,ROLE; empty ones and those from # on say nothing. Two keys may have one name, so that a new
// one can be handed out before the old one goes. No mistake quotes its line: it may hold a key where its hash belongs.
func parseKeys(text string) ([]apiKey, error) {
	var keys []apiKey
	var mistakes []error
	lines := map[[sha256.Size]byte]int{}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := parseKey(strings.Fields(line))
		if before := lines[key.digest]; err == nil && before > 0 {
			err = fmt.Errorf("the hash of line %d again", before)
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("line %d: %w", i+1, err))
			continue
		}
		lines[key.digest] = i + 1
		keys = append(keys, key)
	}
	return keys, errors.Join(mistakes...)
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func parseKey(parts []string) (key apiKey, err error) {
	if len(parts) != 3 {
		return key, errors.New("not NAME SHA256 ROLE,ROLE")
	}
	if !keyName.MatchString(parts[0]) {
		return key, errors.New("the name must be 1 to 64 letters, digits, dots, dashes and underscores")
	}
	digest, err := hex.DecodeString(parts[1])
	if err != nil || len(digest) != sha256.Size {
		return key, errors.New("the hash must be the 64 hexadecimal digits of a SHA-256")
	}
	roles := strings.Split(parts[2], ",")
	if slices.ContainsFunc(roles, func(role string) bool { return !isRole(role) }) {
		return key, errors.New("the roles must be of read, write and operate, with commas between")
	}
	return apiKey{[sha256.Size]byte(digest), Caller{"api-key:" + parts[0], roles}}, nil
}
