"""What the order of delivery must know of a resource's insides, and what Envoy's refusals say.

Only the few resources that need it are decoded: clusters when they are sent, listeners when one leaves while another comes.
"""

import re
from collections.abc import Collection

import msgspec
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address
from envoy.config.listener.v3.listener_pb2 import Listener
from google.protobuf.message import DecodeError

from gatewright.wire.resource import CLUSTER, LISTENER, Resource

_DNS_CLUSTERS = frozenset({"envoy.clusters.dns", "envoy.clusters.strict_dns", "envoy.clusters.logical_dns"})


class Warming(msgspec.Struct, frozen=True):
    """What a cluster waits for before Envoy uses it: the ClusterLoadAssignment of that name, and `more` that ADS does not see."""

    endpoints: str | None = None
    more: bool = False


def warming_of(resource: Resource) -> Warming:
    """What the cluster needs; `more` are DNS names and a first health check. A broken body needs nothing: Envoy says so."""
    cluster = Cluster()
    try:
        cluster.ParseFromString(resource.body)
    except DecodeError:
        return Warming()
    by_eds = not cluster.HasField("cluster_type") and cluster.type == Cluster.EDS
    by_dns = cluster.cluster_type.name in _DNS_CLUSTERS if cluster.HasField("cluster_type") else _is_dns(cluster.type)
    return Warming(
        endpoints=(cluster.eds_cluster_config.service_name or cluster.name) if by_eds else None,
        more=by_dns or len(cluster.health_checks) > 0,
    )


def _is_dns(discovery_type: int) -> bool:
    return discovery_type in {Cluster.STRICT_DNS, Cluster.LOGICAL_DNS}


def addresses_of(resource: Resource) -> frozenset[bytes]:
    """The addresses that the listener binds, in a comparable form."""
    listener = Listener()
    try:
        listener.ParseFromString(resource.body)
    except DecodeError:
        return frozenset()
    bound: list[Address] = [listener.address, *(extra.address for extra in listener.additional_addresses)]
    return frozenset(address.SerializeToString(deterministic=True) for address in bound)


_PREAMBLES = {
    CLUSTER: ("Error adding/updating cluster(s) ", ", "),
    LISTENER: ("Error adding/updating listener(s) ", "\n"),
}


_INVALID = re.compile(
    r'(?:goo\.gle/debug\w*\s+)?(?:cluster_)?name: "([^"]*)"\n.*: (Proto constraint validation failed .*)', re.DOTALL
)


def blame(type_url: str, message: str, names: Collection[str]) -> dict[str, str]:
    """The culprits that Envoy names in a refusal, each with the words about it; none if it does not say.

    CDS and LDS apply what they can and list the rest as "name: reason", joined by ", " or by line ends. A field out of its range
    refuses the whole response, after a dump of the resource that has it. Otherwise, the other types stop at the first problem,
    without saying where.
    """
    if (invalid := _INVALID.match(message)) is not None:
        return {invalid[1]: invalid[2]} if invalid[1] in names else {}
    if type_url not in _PREAMBLES or not message.startswith(preamble := _PREAMBLES[type_url][0]):
        return {}
    separator = _PREAMBLES[type_url][1]
    listing = message.removeprefix(preamble)
    starts = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    found = list(re.finditer(f"(?:^|{separator})({starts}): ", listing))
    ends = [entry.start() for entry in found[1:]] + [len(listing)]
    return {entry[1]: listing[entry.end() : end].strip() for entry, end in zip(found, ends, strict=True)}
