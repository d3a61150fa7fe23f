"""Resilience: one way to call a provider, whatever it answers."""
