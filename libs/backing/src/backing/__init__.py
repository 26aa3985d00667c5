"""Development only: starts and stops the servers and processes that Heyday runs on."""
