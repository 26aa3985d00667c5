"""Stands in for the provider of e-mail: the same HTTP API, faults at will, and a memory of who got what."""
