// Package identity finds out who sent a request: the holder of an API key, or of a token that an issuer signed.
//
// A caller is only ever told why it was refused in words of ours, and no secret, right or wrong, gets into them or into the log.
package identity

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
)

// The roles: what a caller may do. None implies another.
const (
	Read    = "read"
	Write   = "write"
	Operate = "operate"
)

// KeyHeader carries an API key. A token comes as "Authorization: Bearer TOKEN".
const KeyHeader = "X-Api-Key"

const tokenHeader = "Authorization"

// Caller is who sent a request.
type Caller struct {
	// Subject tells callers apart, in printable ASCII: "api-key:NAME", or "token:" and the sub of a token.
	Subject string
	Roles   []string
}

// May tells whether the caller has a role.
func (c *Caller) May(role string) bool { return slices.Contains(c.Roles, role) }

// Settings say who may call. Without a file and a URL nobody can be told from anybody.
type Settings struct {
	// APIKeysFile lists API keys, a line each: NAME SHA256 ROLE,ROLE.
	APIKeysFile string
	// JWKSURL is where the issuer publishes its keys; Issuer and Audience are what its tokens must name.
	JWKSURL, Issuer, Audience string
	// RolesClaim is the claim of a token that lists its roles.
	RolesClaim string
}

// On tells whether there is a way to show who one is.
func (s Settings) On() bool { return s.APIKeysFile != "" || s.JWKSURL != "" }

// Verifier finds out who sent a request.
type Verifier struct {
	keys   *keyRing // nil: no API keys are taken
	tokens *tokens  // nil: no tokens are taken
}

// New reads the API keys and asks for the issuer's, for which it waits a few seconds at most: if there is no answer it goes on without
// and asks again later. Until the context ends both are kept up to date. It returns nil where identity is off.
func New(ctx context.Context, settings Settings, log *slog.Logger) (*Verifier, error) {
	if !settings.On() {
		return nil, nil
	}
	verifier := &Verifier{}
	if settings.APIKeysFile != "" {
		keys, err := newKeyRing(settings.APIKeysFile)
		if err != nil {
			return nil, err
		}
		go keys.follow(ctx, rereadEvery, log)
		verifier.keys = keys
	}
	if settings.JWKSURL != "" {
		tokens, err := newTokens(ctx, settings, log)
		if err != nil {
			return nil, err
		}
		verifier.tokens = tokens
	}
	return verifier, nil
}

// Verify returns the caller that a request's headers show, or why they show none.
func (v *Verifier) Verify(header http.Header) (*Caller, *Refusal) {
	keys, tokens := header.Values(KeyHeader), header.Values(tokenHeader)
	switch {
	case len(keys)+len(tokens) == 0:
		return nil, missing
	case len(keys)+len(tokens) > 1:
		return nil, ambiguous
	case len(keys) == 1:
		return v.holder(keys[0])
	default:
		return v.bearer(tokens[0])
	}
}

func (v *Verifier) holder(key string) (*Caller, *Refusal) {
	if v.keys == nil {
		return nil, notTaken
	}
	return v.keys.holder(key)
}

func (v *Verifier) bearer(credentials string) (*Caller, *Refusal) {
	scheme, token, _ := strings.Cut(credentials, " ")
	if !strings.EqualFold(scheme, "Bearer") || v.tokens == nil {
		return nil, notTaken
	}
	return v.tokens.bearer(strings.TrimSpace(token))
}

// Challenges are the values of WWW-Authenticate that belong to a refusal.
func (v *Verifier) Challenges(refusal *Refusal) []string {
	var challenges []string
	if v.tokens != nil {
		challenges = append(challenges, `Bearer realm="heyday"`+refusal.bearerError())
	}
	if v.keys != nil {
		challenges = append(challenges, `ApiKey realm="heyday", header="`+KeyHeader+`"`)
	}
	return challenges
}

// Strip takes the credentials from a request: behind the gateway its caller is known by subject, never by secret.
func Strip(header http.Header) {
	header.Del(KeyHeader)
	header.Del(tokenHeader)
}

// onlyRoles leaves out what is no role: an issuer's list also names those of other systems.
func onlyRoles(roles []string) []string {
	return slices.DeleteFunc(roles, func(role string) bool { return !isRole(role) })
}

func isRole(name string) bool { return name == Read || name == Write || name == Operate }
