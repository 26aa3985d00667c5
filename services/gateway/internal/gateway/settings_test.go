package gateway

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestEveryMistakeIsNamedAtOnce(t *testing.T) {
	environment := map[string]string{
		"ENVIRONMENT": "prod", "HTTP_ADDRESS": "8080", "LOG_LEVEL": "loud", "REQUEST_TIMEOUT_SECONDS": "0", "RATE_LIMIT_PER_MINUTE": "many",
		"RATE_LIMIT_PER_MINUTE_BY_CLASS": `{"delete": 1}`, "MAX_BODY_BYTES": "1", "TRUSTED_PROXIES": "10.0.0.1", "CORS_ALLOWED_ORIGINS": "*", "DOCS_ENABLED": "perhaps",
	}
	_, err := Load(func(name string) (string, bool) { value, ok := environment[name]; return value, ok })
	if err == nil {
		t.Fatal("taken")
	}
	for name := range environment {
		if !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
}

func TestWhereTheWorldCallsNobodyIsLetInUnknown(t *testing.T) {
	keys := strings.TrimPrefix(withKeys(t), "IDENTITY_API_KEYS_FILE=")
	withTLS := newAuthority(t).settings("gateway")
	issuer := map[string]string{"IDENTITY_JWKS_URL": "https://issuer.example.org/jwks", "IDENTITY_ISSUER": "https://issuer.example.org", "IDENTITY_AUDIENCE": "heyday"}
	for _, given := range []struct {
		environment string
		settings    map[string]string
		mistakes    []string
	}{
		{"development", nil, nil},
		{"performance", nil, nil},
		{"staging", nil, []string{"IDENTITY_JWKS_URL, IDENTITY_API_KEYS_FILE: in staging callers must show who they are"}},
		{"production", nil, []string{"IDENTITY_JWKS_URL, IDENTITY_API_KEYS_FILE: in production callers must show who they are"}},
		{"production", map[string]string{"IDENTITY_API_KEYS_FILE": keys}, nil},
		{"production", issuer, nil},
		{"production", map[string]string{"IDENTITY_JWKS_URL": "http://issuer.example.org/jwks"}, []string{"IDENTITY_JWKS_URL: ", "IDENTITY_ISSUER: ", "IDENTITY_AUDIENCE: "}},
		{"test", map[string]string{"IDENTITY_JWKS_URL": "issuer.example.org/jwks", "IDENTITY_API_KEYS_FILE": "/no/such/file"},
			[]string{"IDENTITY_API_KEYS_FILE: ", "IDENTITY_JWKS_URL: ", "IDENTITY_ISSUER: ", "IDENTITY_AUDIENCE: "}},
	} {
		_, err := Load(func(name string) (string, bool) {
			if name == "ENVIRONMENT" {
				return given.environment, true
			}
			for _, setting := range withTLS {
				if value, ok := strings.CutPrefix(setting, name+"="); ok {
					return value, ok
				}
			}
			value, ok := given.settings[name]
			return value, ok
		})
		var found []string
		if err != nil {
			found = strings.Split(err.Error(), "\n")
		}
		if !slices.EqualFunc(found, given.mistakes, strings.HasPrefix) {
			t.Errorf("%s %v: %v", given.environment, given.settings, err)
		}
	}
}

func TestTheServicesAreSpokenToInTheOpenOnlyWhereNothingIsAtStake(t *testing.T) {
	authority := newAuthority(t)
	fit := authority.settings("gateway")
	other := authority.settings("other")
	for _, given := range []struct {
		environment string
		settings    []string
		mistake     string
	}{
		{"development", nil, ""},
		{"performance", nil, ""},
		{"production", fit, ""},
		{"staging", nil, "in staging the services are spoken to with TLS only"},
		{"production", nil, "in production the services are spoken to with TLS only"},
		{"test", fit[1:], "set all three or none"},
		{"test", fit[:2], "set all three or none"},
		{"test", []string{fit[0], other[1], fit[2]}, "private key does not match public key"},
		{"test", []string{fit[0], fit[1], "GRPC_TLS_CA_FILE=tls_test.go"}, "holds no certificate"},
		{"test", []string{fit[0], fit[1], "GRPC_TLS_CA_FILE=none"}, "no such file"},
	} {
		environment := map[string]string{"ENVIRONMENT": given.environment, "IDENTITY_API_KEYS_FILE": strings.TrimPrefix(withKeys(t), "IDENTITY_API_KEYS_FILE=")}
		for _, setting := range given.settings {
			name, value, _ := strings.Cut(setting, "=")
			environment[name] = value
		}
		_, err := Load(func(name string) (string, bool) { value, ok := environment[name]; return value, ok })
		if given.mistake == "" && err != nil || given.mistake != "" && (err == nil || !strings.Contains(err.Error(), given.mistake)) {
			t.Errorf("%s %v: %v", given.environment, given.settings, err)
		}
	}
}

func TestTheReadmeListsEverySetting(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), SettingsTable()) {
		t.Error("the table of README.md is not what `gateway settings` prints")
	}
}
