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

func TestTheReadmeListsEverySetting(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), SettingsTable()) {
		t.Error("the table of README.md is not what `gateway settings` prints")
	}
}
