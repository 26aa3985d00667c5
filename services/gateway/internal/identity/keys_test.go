package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func hashOf(key string) string {
	digest := sha256.Sum256([]byte(key))
	return hex.EncodeToString(digest[:])
}

func keysFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "api-keys")
	write(t, path, lines...)
	return path
}

func write(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

func verifierOf(t *testing.T, settings Settings) *Verifier {
	t.Helper()
	verifier, err := New(t.Context(), settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func TestTheHolderOfAKeyIsKnownByName(t *testing.T) {
	verifier := verifierOf(t, Settings{APIKeysFile: keysFile(t,
		"# The import of the HR system", "hr-import "+hashOf("first")+" read,write", "", "  dashboard\t"+strings.ToUpper(hashOf("second"))+" read")})
	caller, refusal := verifier.Verify(http.Header{KeyHeader: {"first"}})
	if refusal != nil || caller.Subject != "api-key:hr-import" || !caller.May(Read) || !caller.May(Write) || caller.May(Operate) {
		t.Errorf("%v %v", caller, refusal)
	}
	if caller, _ := verifier.Verify(http.Header{KeyHeader: {"second"}}); caller.Subject != "api-key:dashboard" || caller.May(Write) {
		t.Errorf("%v", caller)
	}
}

func TestWhoShowsNoKeyThatIsKnownIsRefused(t *testing.T) {
	verifier := verifierOf(t, Settings{APIKeysFile: keysFile(t, "hr-import "+hashOf("first")+" read")})
	for reason, header := range map[string]http.Header{
		"CREDENTIALS_MISSING":   {},
		"CREDENTIALS_AMBIGUOUS": {KeyHeader: {"first"}, "Authorization": {"Bearer first"}},
		"CREDENTIALS_NOT_TAKEN": {"Authorization": {"Bearer first"}},
		"API_KEY_UNKNOWN":       {KeyHeader: {hashOf("first")}},
	} {
		caller, refusal := verifier.Verify(header)
		if caller != nil || refusal.Reason != reason {
			t.Errorf("%s: %v %v", reason, caller, refusal)
		}
		if challenges := verifier.Challenges(refusal); !slices.Equal(challenges, []string{`ApiKey realm="heyday", header="X-Api-Key"`}) {
			t.Errorf("%s: %v", reason, challenges)
		}
	}
	if _, refusal := verifier.Verify(http.Header{KeyHeader: {""}}); refusal == nil {
		t.Error("an empty key is a key")
	}
}

func TestEveryMistakeOfTheFileIsNamedAndNoKeyTold(t *testing.T) {
	err := CheckKeys(keysFile(t, "# names", "a "+hashOf("x")+" read", "b hunter2 read", "c "+hashOf("y")+" admin", "d\\e "+hashOf("z")+" read", "hunter3", "f "+hashOf("x")+" write"))
	if err == nil {
		t.Fatal("taken")
	}
	for _, mistake := range []string{
		"line 3: the hash must be", "line 4: the roles must be", "line 5: the name must be", "line 6: not NAME SHA256 ROLE,ROLE", "line 7: the hash of line 2 again",
	} {
		if !strings.Contains(err.Error(), mistake) {
			t.Errorf("no %q in %v", mistake, err)
		}
	}
	if strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "line 2:") {
		t.Error(err)
	}
	if err := CheckKeys(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is taken")
	}
}

func TestAChangedFileIsTakenInAndABrokenOneIsNot(t *testing.T) {
	path := keysFile(t, "a "+hashOf("first")+" read")
	ring, err := newKeyRing(path)
	if err != nil {
		t.Fatal(err)
	}
	holds := func(key string) bool { caller, _ := ring.holder(key); return caller != nil }
	if changed, err := ring.reread(); changed || err != nil {
		t.Errorf("unchanged: %v %v", changed, err)
	}
	write(t, path, "b "+hashOf("second")+" read", "c second write")
	if changed, err := ring.reread(); changed || err == nil || !holds("first") || holds("second") {
		t.Errorf("broken: %v %v", changed, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if changed, err := ring.reread(); changed || err == nil || !holds("first") {
		t.Errorf("gone: %v %v", changed, err)
	}
	write(t, path, "b "+hashOf("second")+" read")
	if changed, err := ring.reread(); !changed || err != nil || holds("first") || !holds("second") {
		t.Errorf("changed: %v %v", changed, err)
	}
	write(t, path, "")
	if changed, err := ring.reread(); !changed || err != nil || holds("second") {
		t.Errorf("emptied: %v %v", changed, err)
	}
}

func TestTheFileIsFollowed(t *testing.T) {
	path := keysFile(t, "a "+hashOf("first")+" read")
	ring, err := newKeyRing(path)
	if err != nil {
		t.Fatal(err)
	}
	go ring.follow(t.Context(), time.Millisecond, slog.New(slog.DiscardHandler))
	write(t, path, "b "+hashOf("second")+" read")
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if caller, _ := ring.holder("second"); caller != nil {
			return
		}
		if time.Now().After(until) {
			t.Fatal("the file is not read again")
		}
	}
}
