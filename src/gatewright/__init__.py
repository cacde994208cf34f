"""Gatewright: a Gateway API control plane that runs the real Envoy Proxy."""

__version__ = "0.1.0"
