package gateway

import (
	"io"
	"log/slog"
	"strings"
)

// NewLogger writes JSON lines under the keys that every service uses, at or above a level of the settings.
func NewLogger(output io.Writer, settings Settings) *slog.Logger {
	options := &slog.HandlerOptions{Level: minimum(settings.LogLevel), ReplaceAttr: asElsewhere}
	return slog.New(slog.NewJSONHandler(output, options)).With("service", "gateway")
}

func minimum(level string) slog.Level {
	return map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError}[level]
}

func asElsewhere(groups []string, attribute slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return attribute
	}
	switch attribute.Key {
	case slog.MessageKey:
		attribute.Key = "event"
	case slog.TimeKey:
		attribute.Key = "timestamp"
	case slog.LevelKey:
		name := strings.ToLower(attribute.Value.String())
		attribute.Value = slog.StringValue(strings.Replace(name, "warn", "warning", 1))
	}
	return attribute
}
