"""What all routes have in common: parents, and session persistence of the rules that know it.

A route's spec inherits from `CommonRouteSpec`, so code that attaches routes to listeners is written once for all kinds.
"""

from collections import defaultdict
from collections.abc import Hashable
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from msgspec import Meta

from gatewright.api.meta import Model
from gatewright.api.references import ParentReference
from gatewright.api.rules import Rule, Rules, is_unique
from gatewright.api.scalars import EXPERIMENTAL, Duration, HeaderName

Parents: TypeAlias = tuple[ParentReference, ...]


def _parent(reference: ParentReference) -> Hashable:
    return reference.group, reference.kind, reference.name, reference.namespace or ""


def _alike(parents: Parents, *, with_port: bool) -> bool:
    """Whether all references to one parent name a section (and a port), or none does."""
    named = defaultdict(set)
    for each in parents:
        named[_parent(each)].add((bool(each.section_name), with_port and bool(each.port)))
    return all(len(ways) == 1 for ways in named.values())


def _distinct(parents: Parents, *, with_port: bool) -> bool:
    """Whether no section (and port) of a parent is referred to twice."""
    return is_unique((_parent(each), each.section_name or "", with_port and (each.port or 0)) for each in parents)


_SAME: Final = (
    "p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && "
    "(!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && has(p2.__namespace__) && "
    "p1.__namespace__ == p2.__namespace__))"
)
_SECTION_ALIKE: Final = "(!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || p2.sectionName == '')"
_PORT_ALIKE: Final = "(!has(p1.port) || p1.port == 0) == (!has(p2.port) || p2.port == 0)"
_SECTION_EQUAL: Final = (
    "(((!has(p1.sectionName) || p1.sectionName == '') && (!has(p2.sectionName) || p2.sectionName == '')) || "
    "(has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName))"
)
_PORT_EQUAL: Final = (
    "(((!has(p1.port) || p1.port == 0) && (!has(p2.port) || p2.port == 0)) || "
    "(has(p1.port) && has(p2.port) && p1.port == p2.port))"
)
_PARENT_RULES: Final[Rules] = (
    Rule(
        "sectionName or port must be specified when parentRefs includes 2 or more references to the same parent",
        f"self.all(p1, self.all(p2, {_SAME} ? ({_SECTION_ALIKE} && {_PORT_ALIKE}) : true))",
        lambda parents: _alike(parents, with_port=True),
        field="parent_refs",
        channel="experimental",
        shortest=2,
    ),
    Rule(
        "sectionName or port must be unique when parentRefs includes 2 or more references to the same parent",
        f"self.all(p1, self.exists_one(p2, {_SAME} && {_SECTION_EQUAL} && {_PORT_EQUAL}))",
        lambda parents: _distinct(parents, with_port=True),
        field="parent_refs",
        channel="experimental",
        shortest=2,
    ),
    Rule(
        "sectionName must be specified when parentRefs includes 2 or more references to the same parent",
        f"self.all(p1, self.all(p2, {_SAME} ? ({_SECTION_ALIKE}) : true))",
        lambda parents: _alike(parents, with_port=False),
        field="parent_refs",
        channel="standard",
        shortest=2,
    ),
    Rule(
        "sectionName must be unique when parentRefs includes 2 or more references to the same parent",
        f"self.all(p1, self.exists_one(p2, {_SAME} && {_SECTION_EQUAL}))",
        lambda parents: _distinct(parents, with_port=False),
        field="parent_refs",
        channel="standard",
        shortest=2,
    ),
)


class CommonRouteSpec(Model):
    """The fields of every route's spec."""

    parent_refs: Annotated[tuple[ParentReference, ...], Meta(max_length=32)] = ()
    use_default_gateways: Annotated[Literal["All", "None"] | None, EXPERIMENTAL] = None

    checks: ClassVar[Rules] = _PARENT_RULES


class SessionCookie(Model):
    """The cookie that pins a session; without a name the gateway makes one up."""

    name: HeaderName | None = None
    path: Annotated[str, Meta(max_length=1024)] = "/"
    lifetime_type: Literal["Permanent", "Session"] = "Session"


class SessionHeader(Model):
    """The header that pins a session."""

    name: HeaderName


class CookieConfig(Model):
    """The cookie that pins a session, as v1.6 says it."""

    lifetime_type: Literal["Permanent", "Session"] = "Session"


class SessionPersistence(Model):
    """Requests of one session go to one endpoint.

    There are two published shapes: v1.6 has `session_name` and `cookie_config`, its successor `cookie` and `header` in their
    place. Both are taken, one of them in one place; `the_cookie` and `header_name` are what either comes to.
    """

    type: Literal["Cookie", "Header"] = "Cookie"
    absolute_timeout: Duration | None = None
    session_name: Annotated[str, Meta(max_length=128)] = ""
    cookie_config: CookieConfig | None = None
    cookie: SessionCookie | None = None
    header: SessionHeader | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "AbsoluteTimeout must be specified when cookie lifetimeType is Permanent",
            "!has(self.cookieConfig) || !has(self.cookieConfig.lifetimeType) || self.cookieConfig.lifetimeType != 'Permanent' || "
            "has(self.absoluteTimeout)",
            lambda self: self.the_cookie.lifetime_type != "Permanent" or self.absolute_timeout is not None,
        ),
        Rule(
            "cookieConfig can only be set with type Cookie",
            "!has(self.cookieConfig) || self.type == 'Cookie'",
            lambda self: self.cookie_config is None or self.type == "Cookie",
        ),
        Rule(
            "cookie must be nil if type is not Cookie",
            "!has(self.cookie) || self.type == 'Cookie'",
            lambda self: self.cookie is None or self.type == "Cookie",
        ),
        Rule(
            "header must be nil if type is not Header",
            "!has(self.header) || self.type == 'Header'",
            lambda self: self.header is None or self.type == "Header",
        ),
        Rule(
            "sessionName and cookieConfig cannot be used together with cookie or header, which replace them",
            "!((has(self.sessionName) || has(self.cookieConfig)) && (has(self.cookie) || has(self.header)))",
            lambda self: not (self.session_name or self.cookie_config) or not (self.cookie or self.header),
        ),
    )

    @property
    def the_cookie(self) -> SessionCookie:
        """The cookie, in either shape; what v1.6 calls it need not be the name that a cookie can have."""
        if self.cookie is not None:
            return self.cookie
        lifetime_type = self.cookie_config.lifetime_type if self.cookie_config else "Session"
        return SessionCookie(name=self.session_name or None, lifetime_type=lifetime_type)

    @property
    def header_name(self) -> str:
        """The name of the header, in either shape; empty when the gateway is to make one up."""
        return self.header.name if self.header is not None else self.session_name
