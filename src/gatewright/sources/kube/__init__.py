"""Objects of a Kubernetes cluster, told as batches of changes.

From the network inwards: `credentials` and `client` speak to the API server, `discovery` knows what it serves, `reflector` lists
and watches one kind, and `source` makes batches of it all. What they decide by is pure: `wire` reads what the server sends,
`tolerant` what is newer than we are, `mirror` is the list-and-watch protocol, `store` what is known, `demand` what is asked for
by name.
"""
