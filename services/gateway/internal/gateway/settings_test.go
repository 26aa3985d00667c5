package gateway

import (
	"os"
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

func TestTheReadmeListsEverySetting(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), SettingsTable()) {
		t.Error("the table of README.md is not what `gateway settings` prints")
	}
}
