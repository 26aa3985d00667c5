package identity

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	// refreshEvery is how long a key that the issuer took back may still be trusted.
	refreshEvery = 5 * time.Minute
	// unknownKeyEvery keeps callers who make up key ids from flooding the issuer.
	unknownKeyEvery = 10 * time.Second
	fetchTimeout    = 2 * time.Second
	// leeway is what clocks may differ.
	leeway = 30 * time.Second
)

// tokens are checked against the keys that their issuer publishes.
type tokens struct {
	keys       keyfunc.Keyfunc
	parser     *jwt.Parser
	rolesClaim string
}

// newTokens fetches the keys. While the issuer does not answer those known go on; that no key is known yet is no error.
func newTokens(ctx context.Context, settings Settings, log *slog.Logger) (*tokens, error) {
	published, err := jwkset.NewStorageFromHTTP(settings.JWKSURL, jwkset.HTTPClientStorageOptions{
		Ctx:                       ctx,
		HTTPTimeout:               fetchTimeout,
		RefreshInterval:           refreshEvery,
		NoErrorReturnFirstHTTPReq: true,
		RefreshErrorHandler: func(ctx context.Context, err error) {
			log.ErrorContext(ctx, "identity.issuer_keys_not_fetched", "cause", err.Error())
		},
	})
	if err != nil {
		return nil, err
	}
	asked, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:          map[string]jwkset.Storage{settings.JWKSURL: published},
		RefreshUnknownKID: rate.NewLimiter(rate.Every(unknownKeyEvery), 1),
		RateLimitWaitMax:  fetchTimeout,
	})
	if err != nil {
		return nil, err
	}
	keys, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: asked, UseWhitelist: []jwkset.USE{jwkset.UseSig, ""}})
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(settings.Issuer), jwt.WithAudience(settings.Audience), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway),
	)
	return &tokens{keys, parser, settings.RolesClaim}, nil
}

func (t *tokens) bearer(token string) (*Caller, *Refusal) {
	claims := jwt.MapClaims{}
	if _, err := t.parser.ParseWithClaims(token, claims, t.key); err != nil {
		return nil, refusalOf(err)
	}
	subject, err := claims.GetSubject()
	if err != nil || !fitSubject.MatchString(subject) {
		return nil, refusalOf(errUnfitSubject)
	}
	return &Caller{"token:" + subject, rolesIn(claims[t.rolesClaim])}, nil
}

// fitSubject is what OpenID Connect allows, less the controls that no gRPC metadata can hold.
var fitSubject = regexp.MustCompile(`^[ -~]{1,255}$`)

// key finds the key that a token names. The fetch for an unknown one outlives the request that asked for it: callers who hang up must not
// use up the tries of others.
func (t *tokens) key(token *jwt.Token) (any, error) {
	if _, ok := token.Header["crit"]; ok {
		return nil, errCriticalClaim
	}
	if _, ok := token.Header[jwkset.HeaderKID]; !ok { // else every key would be tried
		return nil, errUnknownKey
	}
	key, err := t.keys.Keyfunc(token)
	if err == nil {
		return key, nil
	}
	if all, err := t.keys.Storage().KeyReadAll(context.Background()); err == nil && len(all) == 0 {
		return nil, errNoKeys
	}
	return nil, fmt.Errorf("%w: %w", errUnknownKey, err)
}

// rolesIn takes a list, or a text with spaces between as scope has it.
func rolesIn(claim any) []string {
	var roles []string
	switch claim := claim.(type) {
	case string:
		roles = strings.Fields(claim)
	case []any:
		for _, each := range claim {
			if role, ok := each.(string); ok {
				roles = append(roles, role)
			}
		}
	}
	return onlyRoles(roles)
}
