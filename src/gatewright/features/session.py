"""Session persistence: requests of one session go to the endpoint that served its first one.

Envoy hands the endpoint's address to the client in a cookie or header, and obeys it for as long as the endpoint is there, drained
ones included; after that the session moves on to another. Every cookie is HttpOnly and SameSite=Strict, and Secure where the
listener is HTTPS. Sources: GEP-1619; Envoy stateful_session.
"""

from typing import Final

import msgspec
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2 import StatefulSession, StatefulSessionPerRoute
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.http.stateful_session.cookie.v3.cookie_pb2 import CookieBasedSessionState
from envoy.extensions.http.stateful_session.header.v3.header_pb2 import HeaderBasedSessionState
from envoy.type.http.v3.cookie_pb2 import Cookie, CookieAttribute
from google.protobuf.duration_pb2 import Duration

from gatewright.features.base import packed

NAME: Final = "envoy.filters.http.stateful_session"


class Session(msgspec.Struct, frozen=True):
    """How the sessions of a rule are told apart: by a cookie with a `path`, or by a header, which has none.

    `seconds` is how long the cookie lives; 0 is until the client forgets it.
    """

    name: str
    path: str = ""
    seconds: int = 0


def http_filter() -> HttpFilter:
    """Return the filter of a chain, off until a route has sessions."""
    return HttpFilter(name=NAME, disabled=True, typed_config=packed(StatefulSession()))


def route(session: Session, *, https: bool) -> route_pb.Route:
    """Return what a route needs for its sessions."""
    state = TypedExtensionConfig(
        name=f"envoy.http.stateful_session.{'cookie' if session.path else 'header'}",
        typed_config=packed(_cookie(session, https=https) if session.path else HeaderBasedSessionState(name=session.name)),
    )
    settings = StatefulSessionPerRoute(stateful_session=StatefulSession(session_state=state))
    return route_pb.Route(typed_per_filter_config={NAME: packed(settings)})


def _cookie(session: Session, *, https: bool) -> CookieBasedSessionState:
    cookie = Cookie(name=session.name, path=session.path, attributes=[CookieAttribute(name="SameSite", value="Strict")])
    if https:
        cookie.attributes.append(CookieAttribute(name="Secure"))
    if session.seconds:
        cookie.ttl.CopyFrom(Duration(seconds=session.seconds))
    return CookieBasedSessionState(cookie=cookie)
