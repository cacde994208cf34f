"""The HTTP filters of every chain, in the order in which requests pass them; the router comes last.

All are there from the start and off until a route switches them on, so that the first use of a feature changes no listener. The
order is Envoy Gateway's (conventions, section 3). A feature that needs a filter has one line here.
"""

from functools import cache

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from gatewright.features import cors, credentials, external_auth, grpc, session
from gatewright.features.slots import slot


@cache
def http_filters() -> tuple[HttpFilter, ...]:
    """Return the filters of a chain but for the router."""
    return (
        cors.http_filter(),
        slot(external_auth.NAME),
        session.http_filter(),
        *grpc.http_filters(),
        slot(credentials.NAME),
    )
