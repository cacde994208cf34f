"""What all routes have in common: parents, and session persistence of the rules that know it.

A route's spec inherits from `CommonRouteSpec`, so code that attaches routes to listeners is written once for all kinds.
"""

from typing import Annotated, Literal

from msgspec import Meta

from gatewright.api.meta import Model
from gatewright.api.references import ParentReference
from gatewright.api.scalars import EXPERIMENTAL, Duration, HeaderName


class CommonRouteSpec(Model):
    """The fields of every route's spec."""

    parent_refs: Annotated[tuple[ParentReference, ...], Meta(max_length=32)] = ()
    use_default_gateways: Annotated[Literal["All", "None"] | None, EXPERIMENTAL] = None


class SessionCookie(Model):
    """The cookie that pins a session; without a name the gateway makes one up."""

    name: HeaderName | None = None
    path: Annotated[str, Meta(max_length=1024)] = "/"
    lifetime_type: Literal["Permanent", "Session"] = "Session"


class SessionHeader(Model):
    """The header that pins a session."""

    name: HeaderName


class SessionPersistence(Model):
    """Requests of one session go to one endpoint."""

    type: Literal["Cookie", "Header"] = "Cookie"
    absolute_timeout: Duration | None = None
    cookie: SessionCookie | None = None
    header: SessionHeader | None = None
