"""Benches: each module is a command (`python -m bench.changes`) that prints a table and writes JSON.

They run what users run, `gatewright serve` on a folder with a real Envoy, and ask it over loopback. Figures of different days or
machines do not compare; ratios against Envoy's own floor, measured in the same run, do.
"""
