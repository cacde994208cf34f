"""Frozen models of the kinds, and the verdict of an API server on documents of them."""
