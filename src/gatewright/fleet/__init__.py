"""Runs the proxies: one Envoy process each, on this machine."""
