package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"heyday/gateway/internal/identity"
	"heyday/gateway/internal/limit"
)

// Settings is all that can be set from outside; each field is one environment variable of the table in fields.go.
type Settings struct {
	Environment     string
	HTTPAddress     string
	InternalAddress string
	LogLevel        string

	UserServiceTarget       string
	SchedulerServiceTarget  string
	NotifierServiceTarget   string
	DispatcherServiceTarget string

	RequestTimeout time.Duration
	OperateTimeout time.Duration
	ReadTimeout    time.Duration
	IdleTimeout    time.Duration
	ShutdownDelay  time.Duration
	ShutdownGrace  time.Duration

	RateLimitPerMinute        int
	RateLimitPerMinuteByClass map[string]int
	MaxConnectionsPerClient   int
	MaxBodyBytes              int64
	MaxHeaderBytes            int
	TrustedProxies            limit.Proxies

	CORSAllowedOrigins []string
	DocsEnabled        bool

	Identity identity.Settings
	TLS      TLSFiles
}

// The classes of calls: each is limited apart from the others, and takes a role.
const (
	classRead    = identity.Read
	classWrite   = identity.Write
	classOperate = identity.Operate
)

var environments = []string{"development", "test", "performance", "staging", "production"}

var levels = []string{"debug", "info", "warning", "error"}

// Load reads the settings from the environment. Its error names every mistake, a line each.
func Load(lookup func(name string) (string, bool)) (Settings, error) {
	var settings Settings
	var mistakes []error
	for _, field := range fields {
		value, given := lookup(field.name)
		if !given || value == "" {
			value = field.fallback
		}
		if err := field.set(&settings, value); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", field.name, err))
		}
	}
	mistakes = append(mistakes, checkIdentity(settings)...)
	return settings, errors.Join(append(mistakes, checkTLS(settings))...)
}

// isStrict tells the environments that are open to the world.
func (s Settings) isStrict() bool { return s.Environment == "staging" || s.Environment == "production" }

// checkIdentity finds what is wrong with the settings of identity together.
func checkIdentity(settings Settings) []error {
	given := settings.Identity
	var mistakes []error
	if !given.On() && settings.isStrict() {
		mistakes = append(mistakes, fmt.Errorf("IDENTITY_JWKS_URL, IDENTITY_API_KEYS_FILE: in %s callers must show who they are: set one or both", settings.Environment))
	}
	if given.JWKSURL == "" {
		return mistakes
	}
	if given.Issuer == "" {
		mistakes = append(mistakes, errors.New("IDENTITY_ISSUER: needed with IDENTITY_JWKS_URL"))
	}
	if given.Audience == "" {
		mistakes = append(mistakes, errors.New("IDENTITY_AUDIENCE: needed with IDENTITY_JWKS_URL, or tokens meant for others would do"))
	}
	return mistakes
}

// ratesPerMinute is the limit of each class.
func (s Settings) ratesPerMinute() map[string]int {
	rates := map[string]int{classRead: s.RateLimitPerMinute, classWrite: s.RateLimitPerMinute, classOperate: s.RateLimitPerMinute}
	for class, perMinute := range s.RateLimitPerMinuteByClass {
		rates[class] = perMinute
	}
	return rates
}

// SettingsTable is the table of the README.
func SettingsTable() string {
	var table strings.Builder
	table.WriteString("| variable | default | meaning |\n|---|---|---|\n")
	for _, field := range fields {
		fallback := field.fallback
		if fallback != "" {
			fallback = "`" + fallback + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", field.name, fallback, field.about)
	}
	return table.String()
}

func parseProxies(value string) (limit.Proxies, error) {
	var trusted limit.Proxies
	for _, text := range splitList(value) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address range such as 10.0.0.0/8", text)
		}
		trusted = append(trusted, prefix)
	}
	return trusted, nil
}

func splitList(value string) []string {
	parts := strings.Split(value, ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return slices.DeleteFunc(parts, func(part string) bool { return part == "" })
}
