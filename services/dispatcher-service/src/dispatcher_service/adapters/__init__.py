"""What touches the outside: the provider, its HTTP clients, Redis, template files."""
