"""HTTPRouteFilter: filters that the Gateway API does not have, used by extensionRef (gateway.envoyproxy.io/v1alpha1)."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from gatewright.api.filters import HTTPHeaderFilter
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import LocalObjectReference, SecretObjectReference
from gatewright.api.rules import Rule, Rules, union_rules
from gatewright.api.scalars import matching


class HTTPCookieMatch(Model):
    """A condition on one cookie."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    value: Annotated[str, Meta(min_length=1, max_length=4096)]
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HTTPRouteMatchFilter(Model):
    """Conditions that are added to those of the rule."""

    cookies: Annotated[tuple[HTTPCookieMatch, ...], Meta(min_length=1, max_length=16)] = ()

    checks: ClassVar[Rules] = (
        Rule("should have at least 1 properties", "has(self.cookies)", lambda self: len(self.cookies) > 0),
    )


class PathRegex(Model):
    """A part of the path that becomes the hostname."""

    pattern: Annotated[str, Meta(min_length=1)]
    substitution: Annotated[str, matching(r"^[^\r\n\x00]*$", min_length=1)]


class HTTPHostnameModifier(Model):
    """Where the new Host comes from: a header of the request, the backend, or the path."""

    type: Literal["Header", "Backend", "PathRegex"]
    header: str | None = None
    path_regex: PathRegex | None = None

    checks: ClassVar[Rules] = union_rules("", {"Header": ("header", "header"), "PathRegex": ("pathRegex", "path_regex")})


class ReplaceRegexMatch(Model):
    r"""A regular expression (RE2) and what its match becomes; groups are \1, \2 and so on."""

    pattern: Annotated[str, Meta(min_length=1)]
    substitution: str


class HTTPPathModifier(Model):
    """A new path."""

    type: Literal["ReplaceRegexMatch"]
    replace_regex_match: ReplaceRegexMatch | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "If HTTPPathModifier type is ReplaceRegexMatch, replaceRegexMatch field needs to be set.",
            "self.type == 'ReplaceRegexMatch' ? has(self.replaceRegexMatch) : !has(self.replaceRegexMatch)",
            lambda self: self.replace_regex_match is not None,
        ),
    )


class HTTPURLRewriteFilter(Model):
    """Changes what the backend sees as host and path."""

    hostname: HTTPHostnameModifier | None = None
    path: HTTPPathModifier | None = None
    append_x_forwarded_host: bool = True


class CustomResponseBody(Model):
    """A body: text, or a key of a ConfigMap."""

    type: Literal["Inline", "ValueRef"] = "Inline"
    inline: str | None = None
    value_ref: LocalObjectReference | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "inline must be set for type Inline",
            "(!has(self.type) || self.type == 'Inline')? has(self.inline) : true",
            lambda self: self.type != "Inline" or self.inline is not None,
        ),
        Rule(
            "valueRef must be set for type ValueRef",
            "(has(self.type) && self.type == 'ValueRef')? has(self.valueRef) : true",
            lambda self: self.type != "ValueRef" or self.value_ref is not None,
        ),
        Rule(
            "only ConfigMap is supported for ValueRef",
            "has(self.valueRef) ? self.valueRef.kind == 'ConfigMap' : true",
            lambda self: self.value_ref is None or self.value_ref.kind == "ConfigMap",
        ),
    )


class HTTPDirectResponseFilter(Model):
    """An answer without a backend."""

    content_type: str | None = None
    body: CustomResponseBody | None = None
    status_code: int | None = None
    header: HTTPHeaderFilter | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "header.remove is not supported for DirectResponse",
            "!has(self.remove) || size(self.remove) == 0",
            lambda header: len(header.remove) == 0,
            field="header",
        ),
    )


class InjectedCredential(Model):
    """The Secret whose key `credential` is sent."""

    value_ref: SecretObjectReference


class HTTPCredentialInjectionFilter(Model):
    """Puts a credential into a header (Authorization unless named) of the request to the backend."""

    credential: InjectedCredential
    header: str | None = None
    overwrite: bool = False


class HTTPRouteFilterSpec(Model):
    """What the filter does."""

    url_rewrite: HTTPURLRewriteFilter | None = None
    direct_response: HTTPDirectResponseFilter | None = None
    credential_injection: HTTPCredentialInjectionFilter | None = None
    matches: Annotated[tuple[HTTPRouteMatchFilter, ...], Meta(max_length=8)] = ()


class HTTPRouteFilter(KubernetesObject, kw_only=True):
    """The kind HTTPRouteFilter."""

    spec: HTTPRouteFilterSpec
