"""What proxies have beyond Envoy itself: dynamic modules, databases of places, another order of filters (of EnvoyProxy)."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from gatewright.api.meta import Model
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import matching

Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Filter = Literal[
    "envoy.filters.http.custom_response",
    "envoy.filters.http.health_check",
    "envoy.filters.http.fault",
    "envoy.filters.http.cors",
    "envoy.filters.http.csrf",
    "envoy.filters.http.header_mutation",
    "envoy.filters.http.ext_authz",
    "envoy.filters.http.api_key_auth",
    "envoy.filters.http.basic_auth",
    "envoy.filters.http.oauth2",
    "envoy.filters.http.jwt_authn",
    "envoy.filters.http.stateful_session",
    "envoy.filters.http.buffer",
    "envoy.filters.http.lua",
    "envoy.filters.http.ext_proc",
    "envoy.filters.http.wasm",
    "envoy.filters.http.dynamic_modules",
    "envoy.filters.http.geoip",
    "envoy.filters.http.rbac",
    "envoy.filters.http.local_ratelimit",
    "envoy.filters.http.ratelimit",
    "envoy.filters.http.bandwidth_limit",
    "envoy.filters.http.grpc_web",
    "envoy.filters.http.grpc_stats",
    "envoy.filters.http.credential_injector",
    "envoy.filters.http.compressor",
    "envoy.filters.http.dynamic_forward_proxy",
]


class LocalModule(Model):
    """A module in the proxy's file system."""

    path: Path


class RemoteModule(Model):
    """A module that is fetched, and must be what was meant."""

    url: Annotated[str, matching(r"^https?://[^/?#]+(?:[/?#].*)?$", min_length=1, max_length=4096)]
    sha256: Annotated[str, matching(r"^[a-f0-9]{64}$")]


class ModuleSource(Model):
    """Where a module is."""

    type: Literal["Local", "Remote"] = "Local"
    local: LocalModule | None = None
    remote: RemoteModule | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "If type is Remote, remote field needs to be set.",
            "self.type == 'Remote' ? has(self.remote) : !has(self.remote)",
            lambda self: (self.type == "Remote") == (self.remote is not None),
        ),
        Rule(
            "If type is Local, local field needs to be set.",
            "self.type != 'Local' || has(self.local)",
            lambda self: self.type != "Local" or self.local is not None,
        ),
        Rule(
            "If type is Remote, local field must not be set.",
            "self.type == 'Remote' ? !has(self.local) : true",
            lambda self: self.type != "Remote" or self.local is None,
        ),
    )


class DynamicModule(Model):
    """A module that policies may name."""

    name: Annotated[str, matching(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", min_length=1, max_length=253)]
    source: ModuleSource
    do_not_close: bool = False
    load_globally: bool = False


class DatabaseFile(Model):
    """A database in the proxy's file system."""

    path: Annotated[str, matching(r"^.*\.mmdb$")]


class DatabaseSource(Model):
    """Where a database is."""

    local: DatabaseFile


class MaxMind(Model):
    """MaxMind's databases."""

    city_db_source: DatabaseSource | None = None
    country_db_source: DatabaseSource | None = None
    asn_db_source: DatabaseSource | None = None
    isp_db_source: DatabaseSource | None = None
    anonymous_ip_db_source: DatabaseSource | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "at least one MaxMind database source must be specified",
            "has(self.cityDbSource) || has(self.countryDbSource) || has(self.asnDbSource) || has(self.ispDbSource) || "
            "has(self.anonymousIpDbSource)",
            lambda self: any(
                (
                    self.city_db_source,
                    self.country_db_source,
                    self.asn_db_source,
                    self.isp_db_source,
                    self.anonymous_ip_db_source,
                )
            ),
        ),
    )


class GeoIPProvider(Model):
    """Who knows where addresses are."""

    type: Literal["MaxMind"]
    max_mind: MaxMind | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "maxMind must be set when type is MaxMind",
            "self.type == 'MaxMind' ? has(self.maxMind) : true",
            lambda self: self.type != "MaxMind" or self.max_mind is not None,
        ),
    )


class GeoIP(Model):
    """Where clients are."""

    provider: GeoIPProvider


class FilterPosition(Model):
    """A kind of filter goes before or after another."""

    name: Filter
    before: Filter | None = None
    after: Filter | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "one of before or after must be specified",
            "(has(self.before) || has(self.after))",
            lambda self: self.before is not None or self.after is not None,
        ),
        Rule(
            "only one of before or after can be specified",
            "(has(self.before) && !has(self.after)) || (!has(self.before) && has(self.after))",
            lambda self: self.before is None or self.after is None,
        ),
    )
