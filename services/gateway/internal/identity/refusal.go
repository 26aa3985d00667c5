package identity

import (
	"errors"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Refusal is why nobody is known to have sent a request. The reason is for programs and metrics, the message for a person.
type Refusal struct {
	Reason, Message string
	// IsOurs says that a part of ours is missing, and the credentials may be right.
	IsOurs bool
}

var (
	missing = &Refusal{Reason: "CREDENTIALS_MISSING",
		Message: "This call needs to know who calls: send an API key as X-Api-Key, or a token as Authorization: Bearer TOKEN."}
	ambiguous  = &Refusal{Reason: "CREDENTIALS_AMBIGUOUS", Message: "There is more than one API key or token: send one."}
	notTaken   = &Refusal{Reason: "CREDENTIALS_NOT_TAKEN", Message: "Credentials of this kind are not taken here; WWW-Authenticate names those that are."}
	unknownKey = &Refusal{Reason: "API_KEY_UNKNOWN", Message: "There is no such API key."}

	keysUnavailable = &Refusal{Reason: "TOKEN_KEYS_UNAVAILABLE", IsOurs: true,
		Message: "Tokens cannot be checked, because the issuer's keys could not be fetched. Try again shortly."}
	malformed = &Refusal{Reason: "TOKEN_MALFORMED", Message: "The token is no signed JSON Web Token as this API knows it."}
)

var (
	errNoKeys        = errors.New("no key of the issuer is known")
	errUnknownKey    = errors.New("the issuer publishes no such key")
	errUnfitSubject  = errors.New("sub is empty, too long or not printable ASCII")
	errCriticalClaim = errors.New("crit asks for what is not understood")
)

// refusals are the reasons behind what the parser says, the first that fits.
var refusals = []struct {
	cause   error
	refusal *Refusal
}{
	{errNoKeys, keysUnavailable},
	{errUnknownKey, &Refusal{Reason: "TOKEN_KEY_UNKNOWN", Message: "The token names no key (kid) that its issuer publishes for its algorithm."}},
	{errCriticalClaim, malformed},
	{errUnfitSubject, &Refusal{Reason: "TOKEN_SUBJECT_UNFIT", Message: "The token's subject (sub) must be 1 to 255 printable ASCII characters."}},
	{jwt.ErrTokenExpired, &Refusal{Reason: "TOKEN_EXPIRED", Message: "The token has expired (exp)."}},
	{jwt.ErrTokenNotValidYet, &Refusal{Reason: "TOKEN_NOT_YET_VALID", Message: "The token is not valid yet (nbf)."}},
	{jwt.ErrTokenInvalidIssuer, &Refusal{Reason: "TOKEN_ISSUER_WRONG", Message: "The token is by another issuer (iss) than the one trusted here."}},
	{jwt.ErrTokenInvalidAudience, &Refusal{Reason: "TOKEN_AUDIENCE_WRONG", Message: "The token is meant for another audience (aud)."}},
	{jwt.ErrTokenRequiredClaimMissing, &Refusal{Reason: "TOKEN_CLAIM_MISSING", Message: "The token must have exp, iss, aud and sub."}},
	{jwt.ErrTokenSignatureInvalid, &Refusal{Reason: "TOKEN_SIGNATURE_INVALID",
		Message: "The token's signature is wrong, or not one of RS256, ES256 and EdDSA."}},
}

func refusalOf(err error) *Refusal {
	for _, known := range refusals {
		if errors.Is(err, known.cause) {
			return known.refusal
		}
	}
	return malformed
}

// bearerError is what RFC 6750 adds to a challenge where a token came.
func (r *Refusal) bearerError() string {
	if !strings.HasPrefix(r.Reason, "TOKEN_") {
		return ""
	}
	return `, error="invalid_token", error_description="` + r.Message + `"`
}
