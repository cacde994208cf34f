"""XBackendTrafficPolicies: which one holds for a backend. What they say is used where it belongs: sessions, clusters.

Source: GEP-3388 (retry budgets), GEP-1619 (sessions); conflicts are those of all policies.
"""

from typing import Final

from gatewright.api.meta import NamespacedName
from gatewright.api.xbackendtrafficpolicy import XBackendTrafficPolicy
from gatewright.flow import Read
from gatewright.graph import policies
from gatewright.graph.backend_tls import TARGETS
from gatewright.graph.tables import X_BACKEND_TRAFFIC_POLICIES, ClusterKey, PolicyTarget

KIND: Final = "XBackendTrafficPolicy"


def of_cluster(read: Read, cluster: ClusterKey) -> XBackendTrafficPolicy | None:
    """The policy that holds for the backend of a cluster."""
    group, kind = TARGETS[cluster.kind]
    target = PolicyTarget(KIND, group, kind, cluster.namespace, cluster.name)
    found = policies.effective(read, target)
    return read(X_BACKEND_TRAFFIC_POLICIES, NamespacedName(found.namespace, found.name)) if found else None
