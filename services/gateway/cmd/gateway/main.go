// Command gateway serves Heyday's REST API. `gateway -version` and `gateway settings` print what they say and exit.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"heyday/gateway/internal/gateway"
)

// version is set by the build.
var version = "development"

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println(version)
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "settings" {
		fmt.Print(gateway.SettingsTable())
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	settings, err := gateway.Load(os.LookupEnv)
	if err != nil {
		return fmt.Errorf("the settings have mistakes:\n%w", err)
	}
	served, err := gateway.New(settings, version, gateway.NewLogger(os.Stdout, settings))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return served.Run(ctx)
}
