"""Runs the proxies in a cluster: Pods behind a Service for each Gateway, or for a whole class when its Gateways are merged.

`workload` says what is wanted, `pods` and `objects` turn it into Kubernetes objects, `patch` changes them as users asked, and
`observed` reads what became of them: all of that is pure. `fleet` speaks to the API server, through whatever client it is given.
"""
