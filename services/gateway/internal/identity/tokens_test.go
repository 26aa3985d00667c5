package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// claims are those of a token that is right, changed.
func claims(changes jwt.MapClaims) jwt.MapClaims {
	now := time.Now()
	right := jwt.MapClaims{
		"iss": "https://issuer.example.org", "aud": []string{"heyday", "other"}, "sub": "kari", "exp": now.Add(time.Minute).Unix(),
		"nbf": now.Add(-time.Minute).Unix(), "roles": []string{"read", "admin"},
	}
	maps.Copy(right, changes)
	return right
}

func signed(t *testing.T, method jwt.SigningMethod, id string, key any, claims jwt.MapClaims, header ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if id != "" {
		token.Header["kid"] = id
	}
	for _, name := range header {
		token.Header[name] = []string{"exp"}
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func bearer(verifier *Verifier, token string) (*Caller, *Refusal) {
	return verifier.Verify(http.Header{"Authorization": {"Bearer " + token}})
}

func reasonFor(verifier *Verifier, token string) string {
	if _, refusal := bearer(verifier, token); refusal != nil {
		return refusal.Reason
	}
	return ""
}

func TestTheBearerOfATokenIsItsSubject(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := startIssuer(t)
	edKey := newKey(t)
	issuer.publish(t, "rsa", jwkset.UseSig, rsaKey)
	issuer.publish(t, "ec", "", ecKey)
	issuer.publish(t, "ed", jwkset.UseSig, edKey)
	verifier := verifierOf(t, issuer.settings())
	for _, token := range []string{
		signed(t, jwt.SigningMethodRS256, "rsa", rsaKey, claims(nil)),
		signed(t, jwt.SigningMethodES256, "ec", ecKey, claims(nil)),
		signed(t, jwt.SigningMethodEdDSA, "ed", edKey, claims(nil)),
	} {
		caller, refusal := bearer(verifier, token)
		if refusal != nil || caller.Subject != "token:kari" || !slices.Equal(caller.Roles, []string{Read}) {
			t.Errorf("%v %v", caller, refusal)
		}
	}
	for _, token := range []string{ // algorithms that are not agreed on, with the right key or without any
		signed(t, jwt.SigningMethodRS512, "rsa", rsaKey, claims(nil)),
		signed(t, jwt.SigningMethodPS256, "rsa", rsaKey, claims(nil)),
		signed(t, jwt.SigningMethodHS256, "rsa", rsaKey.N.Bytes(), claims(nil)),
		signed(t, jwt.SigningMethodNone, "rsa", jwt.UnsafeAllowNoneSignatureType, claims(nil)),
	} {
		if got := reasonFor(verifier, token); got != "TOKEN_SIGNATURE_INVALID" {
			t.Error(got)
		}
	}
	if got := reasonFor(verifier, signed(t, jwt.SigningMethodRS256, "ed", rsaKey, claims(nil))); got != "TOKEN_KEY_UNKNOWN" {
		t.Errorf("a key is used for another algorithm than its own: %s", got)
	}
}

func TestATokenThatIsNotRightIsRefusedWithTheReason(t *testing.T) {
	key, issuer := newKey(t), startIssuer(t)
	issuer.publish(t, "one", jwkset.UseSig, key)
	issuer.publish(t, "for encryption", jwkset.UseEnc, key)
	verifier := verifierOf(t, issuer.settings())
	now := time.Now()
	by := func(changes jwt.MapClaims) string {
		return signed(t, jwt.SigningMethodEdDSA, "one", key, claims(changes))
	}
	without := func(name string) string {
		all := claims(nil)
		delete(all, name)
		return signed(t, jwt.SigningMethodEdDSA, "one", key, all)
	}
	right := by(nil)
	parts := strings.Split(right, ".")
	for _, refused := range []struct{ name, token, reason string }{
		{"right", right, ""},
		{"clocks differ a little", by(jwt.MapClaims{"exp": now.Add(-10 * time.Second).Unix(), "nbf": now.Add(10 * time.Second).Unix()}), ""},
		{"expired", by(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()}), "TOKEN_EXPIRED"},
		{"for ever", without("exp"), "TOKEN_CLAIM_MISSING"},
		{"too early", by(jwt.MapClaims{"nbf": now.Add(time.Minute).Unix()}), "TOKEN_NOT_YET_VALID"},
		{"another issuer", by(jwt.MapClaims{"iss": "https://issuer.example.org/"}), "TOKEN_ISSUER_WRONG"},
		{"no issuer", without("iss"), "TOKEN_CLAIM_MISSING"},
		{"another audience", by(jwt.MapClaims{"aud": "other"}), "TOKEN_AUDIENCE_WRONG"},
		{"no audience", without("aud"), "TOKEN_CLAIM_MISSING"},
		{"no subject", without("sub"), "TOKEN_SUBJECT_UNFIT"},
		{"a subject no header holds", by(jwt.MapClaims{"sub": "kari\r\nx-roles: operate"}), "TOKEN_SUBJECT_UNFIT"},
		{"a long subject", by(jwt.MapClaims{"sub": strings.Repeat("k", 256)}), "TOKEN_SUBJECT_UNFIT"},
		{"another's key", signed(t, jwt.SigningMethodEdDSA, "one", newKey(t), claims(nil)), "TOKEN_SIGNATURE_INVALID"},
		{"other claims", parts[0] + "." + strings.Split(by(jwt.MapClaims{"sub": "ola"}), ".")[1] + "." + parts[2], "TOKEN_SIGNATURE_INVALID"},
		{"no kid", signed(t, jwt.SigningMethodEdDSA, "", key, claims(nil)), "TOKEN_KEY_UNKNOWN"},
		{"a key for encryption", signed(t, jwt.SigningMethodEdDSA, "for encryption", key, claims(nil)), "TOKEN_KEY_UNKNOWN"},
		{"crit", signed(t, jwt.SigningMethodEdDSA, "one", key, claims(nil), "crit"), "TOKEN_MALFORMED"},
		{"no token", "hunter2", "TOKEN_MALFORMED"},
		{"nothing", "", "TOKEN_MALFORMED"},
	} {
		_, refusal := bearer(verifier, refused.token)
		if got := reasonFor(verifier, refused.token); got != refused.reason {
			t.Errorf("%s: %q %v", refused.name, got, refusal)
		}
	}
	_, refusal := bearer(verifier, "hunter2")
	if challenges := verifier.Challenges(refusal); len(challenges) != 1 || !strings.HasPrefix(challenges[0], `Bearer realm="heyday", error="invalid_token", error_desc`) {
		t.Errorf("%v", challenges)
	}
}

func TestRolesAreAListOrATextOfTheClaimThatIsSet(t *testing.T) {
	key, issuer := newKey(t), startIssuer(t)
	issuer.publish(t, "one", jwkset.UseSig, key)
	settings := issuer.settings()
	settings.RolesClaim = "scope"
	verifier := verifierOf(t, settings)
	for _, each := range []struct {
		claim any
		roles []string
	}{
		{"openid write operate", []string{Write, Operate}},
		{[]any{"read", 7, "READ"}, []string{Read}},
		{map[string]any{"read": true}, nil},
		{nil, nil},
	} {
		caller, refusal := bearer(verifier, signed(t, jwt.SigningMethodEdDSA, "one", key, claims(jwt.MapClaims{"scope": each.claim})))
		if refusal != nil || !slices.Equal(caller.Roles, each.roles) {
			t.Errorf("%v: %v %v", each.claim, caller, refusal)
		}
	}
}

func TestANewKeyIsAskedForAndAMadeUpOneNotAgainAndAgain(t *testing.T) {
	first, second, issuer := newKey(t), newKey(t), startIssuer(t)
	issuer.publish(t, "first", jwkset.UseSig, first)
	verifier := verifierOf(t, issuer.settings())
	issuer.publish(t, "second", jwkset.UseSig, second)
	if got := reasonFor(verifier, signed(t, jwt.SigningMethodEdDSA, "second", second, claims(nil))); got != "" {
		t.Errorf("the new key is not known: %s", got)
	}
	for range 20 {
		if got := reasonFor(verifier, signed(t, jwt.SigningMethodEdDSA, "made up", second, claims(nil))); got != "TOKEN_KEY_UNKNOWN" {
			t.Error(got)
		}
	}
	if asked := issuer.timesAsked(); asked > 3 { // at the start, for the second key and, on a slow machine, once for the one made up
		t.Errorf("asked %d times", asked)
	}
}

func TestKnownKeysGoOnWhileTheIssuerIsDown(t *testing.T) {
	key, issuer := newKey(t), startIssuer(t)
	issuer.publish(t, "one", jwkset.UseSig, key)
	verifier := verifierOf(t, issuer.settings())
	issuer.isDown(true)
	if got := reasonFor(verifier, signed(t, jwt.SigningMethodEdDSA, "other", key, claims(nil))); got != "TOKEN_KEY_UNKNOWN" {
		t.Error(got)
	}
	if got := reasonFor(verifier, signed(t, jwt.SigningMethodEdDSA, "one", key, claims(nil))); got != "" {
		t.Error(got)
	}
}

func TestAnIssuerThatIsDownAtTheStartIsAskedAgain(t *testing.T) {
	key, issuer := newKey(t), startIssuer(t)
	issuer.publish(t, "one", jwkset.UseSig, key)
	issuer.isDown(true)
	verifier := verifierOf(t, issuer.settings())
	if _, refusal := bearer(verifier, "hunter2"); refusal.IsOurs {
		t.Error("what is no token is taken for our fault")
	}
	issuer.isDown(false)
	if got := reasonFor(verifier, signed(t, jwt.SigningMethodEdDSA, "one", key, claims(nil))); got != "" {
		t.Error(got)
	}
}

func TestThatNoKeyIsKnownIsOurFault(t *testing.T) {
	key, issuer := newKey(t), startIssuer(t)
	issuer.isDown(true)
	verifier := verifierOf(t, issuer.settings())
	_, refusal := bearer(verifier, signed(t, jwt.SigningMethodEdDSA, "one", key, claims(nil)))
	if refusal == nil || refusal.Reason != "TOKEN_KEYS_UNAVAILABLE" || !refusal.IsOurs {
		t.Errorf("%v", refusal)
	}
}
