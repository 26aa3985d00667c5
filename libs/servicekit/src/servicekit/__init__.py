"""Plumbing that several services need, without a word of their domain."""
