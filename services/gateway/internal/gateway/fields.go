package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"heyday/gateway/internal/identity"
)

// field is one environment variable.
type field struct {
	name, fallback, about string
	set                   func(settings *Settings, value string) error
}

var fields = []field{
	{"ENVIRONMENT", "production", "One of " + strings.Join(environments, ", ") + ".",
		oneOf(func(s *Settings) *string { return &s.Environment }, environments...)},
	{"HTTP_ADDRESS", "0.0.0.0:8080", "Where the public API listens.", address(func(s *Settings) *string { return &s.HTTPAddress })},
	{"INTERNAL_ADDRESS", "0.0.0.0:9090", "Where `/metrics` and `/health/detailed` listen. Never behind an Ingress.",
		address(func(s *Settings) *string { return &s.InternalAddress })},
	{"LOG_LEVEL", "info", "One of " + strings.Join(levels, ", ") + ". A line per request is info.",
		oneOf(func(s *Settings) *string { return &s.LogLevel }, levels...)},
	{"USER_SERVICE_TARGET", "dns:///127.0.0.1:50051", "gRPC target of user-service. All addresses of the name share the calls.",
		text(func(s *Settings) *string { return &s.UserServiceTarget })},
	{"SCHEDULER_SERVICE_TARGET", "dns:///127.0.0.1:50052", "gRPC target of scheduler-service.",
		text(func(s *Settings) *string { return &s.SchedulerServiceTarget })},
	{"NOTIFIER_SERVICE_TARGET", "dns:///127.0.0.1:50053", "gRPC target of notifier-service.",
		text(func(s *Settings) *string { return &s.NotifierServiceTarget })},
	{"DISPATCHER_SERVICE_TARGET", "dns:///127.0.0.1:50054", "gRPC target of dispatcher-service, which is only asked how it is, for `/health/detailed`.",
		text(func(s *Settings) *string { return &s.DispatcherServiceTarget })},
	{"GRPC_TLS_CERTIFICATE_FILE", "", "Certificate shown to the services. The three files are read again for each connection. Empty: no TLS, " +
		"which staging and production refuse.", text(func(s *Settings) *string { return &s.TLS.Certificate })},
	{"GRPC_TLS_KEY_FILE", "", "Key of that certificate.", text(func(s *Settings) *string { return &s.TLS.Key })},
	{"GRPC_TLS_CA_FILE", "", "Certificates that vouch for the services.", text(func(s *Settings) *string { return &s.TLS.Authority })},
	{"REQUEST_TIMEOUT_SECONDS", "10", "Deadline of a call that reads or writes, retries included.",
		seconds(func(s *Settings) *time.Duration { return &s.RequestTimeout }, 1, 300)},
	{"OPERATE_TIMEOUT_SECONDS", "600", "Deadline of a call that runs a job.",
		seconds(func(s *Settings) *time.Duration { return &s.OperateTimeout }, 1, 3600)},
	{"READ_TIMEOUT_SECONDS", "15", "Time a client has to send a whole request; a third of it for the headers.",
		seconds(func(s *Settings) *time.Duration { return &s.ReadTimeout }, 1, 300)},
	{"IDLE_TIMEOUT_SECONDS", "120", "Time an idle connection is kept.",
		seconds(func(s *Settings) *time.Duration { return &s.IdleTimeout }, 1, 3600)},
	{"SHUTDOWN_DELAY_SECONDS", "0", "Time after SIGTERM during which calls are still taken, while endpoints are withdrawn (5 in a cluster).",
		seconds(func(s *Settings) *time.Duration { return &s.ShutdownDelay }, 0, 60)},
	{"SHUTDOWN_GRACE_SECONDS", "20", "Time after that for the calls in flight.",
		seconds(func(s *Settings) *time.Duration { return &s.ShutdownGrace }, 1, 3600)},
	{"RATE_LIMIT_PER_MINUTE", "100", "Requests per minute of one caller, or of one address where callers are not known, in each class of calls: read, write, operate. 0: no limit.",
		number(func(s *Settings) *int { return &s.RateLimitPerMinute }, 0, 10_000_000)},
	{"RATE_LIMIT_PER_MINUTE_BY_CLASS", "{}", "Other limits for single classes, as JSON: `{\"operate\": 10}`.", setRates},
	{"MAX_CONNECTIONS_PER_CLIENT", "200", "Open connections of one client address; further ones are closed at once.",
		number(func(s *Settings) *int { return &s.MaxConnectionsPerClient }, 1, 100_000)},
	{"MAX_BODY_BYTES", "1048576", "The largest body that is read.", setBodyBytes},
	{"MAX_HEADER_BYTES", "16384", "The largest sum of all headers of a request.",
		number(func(s *Settings) *int { return &s.MaxHeaderBytes }, 1024, 1<<20)},
	{"TRUSTED_PROXIES", "", "Address ranges, with commas between, whose X-Forwarded-For is believed.", setProxies},
	{"CORS_ALLOWED_ORIGINS", "", "Origins, with commas between, whose pages may call the API. Empty: none.", setOrigins},
	{"DOCS_ENABLED", "", "Whether `/docs` is served; empty means everywhere but in production.", setDocs},
	{"IDENTITY_API_KEYS_FILE", "", "File of API keys, a line each: `NAME SHA256 ROLE,ROLE`. Read again when it changes. Empty: none are taken.", setAPIKeysFile},
	{"IDENTITY_JWKS_URL", "", "Where the issuer of tokens publishes its keys. Empty: no tokens are taken. With no API keys either anybody may call, " +
		"which staging and production refuse.", setJWKSURL},
	{"IDENTITY_ISSUER", "", "The `iss` a token must have.", text(func(s *Settings) *string { return &s.Identity.Issuer })},
	{"IDENTITY_AUDIENCE", "", "The `aud` a token must have.", text(func(s *Settings) *string { return &s.Identity.Audience })},
	{"IDENTITY_ROLES_CLAIM", "roles", "The claim with the roles of a token: a list, or a text with spaces between.",
		text(func(s *Settings) *string { return &s.Identity.RolesClaim })},
}

func text(of func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		*of(s) = value
		return nil
	}
}

func oneOf(of func(*Settings) *string, allowed ...string) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		*of(s) = value
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("%q is none of %s", value, strings.Join(allowed, ", "))
		}
		return nil
	}
}

func address(of func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		*of(s) = value
		if _, port, err := net.SplitHostPort(value); err != nil || port == "" {
			return fmt.Errorf("%q is not HOST:PORT", value)
		}
		return nil
	}
}

func number(of func(*Settings) *int, least, most int) func(*Settings, string) error {
	return func(s *Settings, value string) (err error) {
		if *of(s), err = strconv.Atoi(value); err != nil || *of(s) < least || *of(s) > most {
			return fmt.Errorf("%q is not a whole number from %d to %d", value, least, most)
		}
		return nil
	}
}

func seconds(of func(*Settings) *time.Duration, least, most float64) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		count, err := strconv.ParseFloat(value, 64)
		if err != nil || count < least || count > most {
			return fmt.Errorf("%q is not a number of seconds from %g to %g", value, least, most)
		}
		*of(s) = time.Duration(count * float64(time.Second))
		return nil
	}
}

func setRates(s *Settings, value string) error {
	if err := json.Unmarshal([]byte(value), &s.RateLimitPerMinuteByClass); err != nil {
		return fmt.Errorf("%q is not a JSON object of whole numbers", value)
	}
	for class, perMinute := range s.RateLimitPerMinuteByClass {
		if !slices.Contains([]string{classRead, classWrite, classOperate}, class) {
			return fmt.Errorf("%q is none of read, write, operate", class)
		}
		if perMinute < 0 {
			return fmt.Errorf("the limit of %q is below 0", class)
		}
	}
	return nil
}

func setBodyBytes(s *Settings, value string) (err error) {
	if s.MaxBodyBytes, err = strconv.ParseInt(value, 10, 64); err != nil || s.MaxBodyBytes < 1024 {
		return fmt.Errorf("%q is not a whole number from 1024 on", value)
	}
	return nil
}

func setProxies(s *Settings, value string) (err error) {
	s.TrustedProxies, err = parseProxies(value)
	return err
}

func setOrigins(s *Settings, value string) error {
	s.CORSAllowedOrigins = splitList(value)
	if slices.Contains(s.CORSAllowedOrigins, "*") {
		return errors.New("\"*\" would let any page call the API: name the origins")
	}
	return nil
}

func setAPIKeysFile(s *Settings, value string) error {
	s.Identity.APIKeysFile = value
	if value == "" {
		return nil
	}
	return identity.CheckKeys(value)
}

// setJWKSURL relies on ENVIRONMENT too.
func setJWKSURL(s *Settings, value string) error {
	s.Identity.JWKSURL = value
	if value == "" {
		return nil
	}
	parsed, err := url.Parse(value)
	switch {
	case err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http":
		return fmt.Errorf("%q is not a URL such as https://issuer.example.org/jwks.json", value)
	case parsed.Scheme == "http" && s.isStrict():
		return fmt.Errorf("%q is not https: whoever is on the way could put in keys of their own", value)
	}
	return nil
}

// setDocs relies on ENVIRONMENT, which the table names first.
func setDocs(s *Settings, value string) (err error) {
	if value == "" {
		s.DocsEnabled = s.Environment != "production"
		return nil
	}
	if s.DocsEnabled, err = strconv.ParseBool(value); err != nil {
		return fmt.Errorf("%q is not true or false", value)
	}
	return nil
}
