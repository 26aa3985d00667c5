"""Composes greetings and hands them to the provider; keeps nothing."""
