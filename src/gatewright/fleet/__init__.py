"""Runs the proxies: one Envoy process each on this machine, or Pods in a cluster (`kube`)."""
