"""HTTPRoute rules, resolved: what each rule leads to, and what is wrong with it.

A rule forwards to weighted clusters, answers with a redirect, or answers with an error. Backends that cannot be resolved keep
their share of requests as errors (500); a rule with a filter or match that cannot be honoured answers 500 as a whole rather
than leave it out. Source: Gateway API HTTPRouteRule; checklist section 12.
"""

from collections.abc import Iterator

from gatewright.api.filters import HTTPFilter
from gatewright.api.httproute import HTTPBackendRef, HTTPRoute, HTTPRouteMatch, HTTPRouteRule
from gatewright.api.meta import NamespacedName
from gatewright.features import ROUTE_FILTERS
from gatewright.flow import Read
from gatewright.graph import backends, regexes
from gatewright.graph.attachment import Attachable, BoundRoute, bind
from gatewright.graph.findings import ACCEPTED, RESOLVED_REFS, Finding
from gatewright.graph.rules import RouteFacts, RuleFacts, RuleFilter, Share
from gatewright.graph.tables import ROUTE_FACTS, ProxyCluster, RouteKey


def resolve(read: Read, key: NamespacedName, route: HTTPRoute) -> RouteFacts:
    """Resolve every rule of an HTTPRoute."""
    route_key = RouteKey("HTTPRoute", *key)
    return RouteFacts(tuple(_rule(read, route_key, i, rule) for i, rule in enumerate(route.spec.rules)))


def attach(read: Read, key: NamespacedName, route: HTTPRoute) -> BoundRoute | None:
    """Attach an HTTPRoute to its parents; a route of which no rule can be honoured is attached nowhere."""
    facts = read(ROUTE_FACTS, key)
    created = route.metadata.creation_timestamp or ""
    return bind(
        read,
        Attachable(RouteKey("HTTPRoute", *key), created, route.spec.parent_refs, route.spec.hostnames, facts or RouteFacts(())),
    )


def clusters(key: NamespacedName, route: BoundRoute) -> Iterator[tuple[ProxyCluster, RouteKey, None]]:
    """Spread a route over the clusters it needs, proxy by proxy."""
    del key
    proxies = dict.fromkeys(host.config.proxy for place in route.places for host in place.hosts)
    wanted = dict.fromkeys(cluster for rule in route.facts.rules for cluster in rule.clusters)
    for proxy in proxies:
        for cluster in wanted:
            yield ProxyCluster(proxy, cluster), route.key, None


def _rule(read: Read, route: RouteKey, index: int, rule: HTTPRouteRule) -> RuleFacts:
    path = f"spec.rules[{index}]"
    matches = tuple(f for i, match in enumerate(rule.matches) for f in _match(match, f"{path}.matches[{i}]"))
    filter_findings = _filter_problems(rule.filters, rule.matches, f"{path}.filters", on_backend=False)
    filters, mirrors = _filters(read, route, rule.filters, path)
    shares, backend_findings, filters_broken = _shares(read, route, rule, path)
    broken = bool(matches or filter_findings or filters_broken)
    findings = matches + filter_findings + mirrors + backend_findings
    return RuleFacts(index, rule, filters, shares, broken, findings)


def _match(match: HTTPRouteMatch, path: str) -> tuple[Finding, ...]:
    """Check every regular expression of a match."""
    patterns = [(f"{path}.path.value", match.path.value)] if match.path.type == "RegularExpression" else []
    patterns += [(f"{path}.headers[{i}].value", h.value) for i, h in enumerate(match.headers) if h.type == "RegularExpression"]
    patterns += [
        (f"{path}.queryParams[{i}].value", q.value) for i, q in enumerate(match.query_params) if q.type == "RegularExpression"
    ]
    return tuple(
        Finding(ACCEPTED, "UnsupportedValue", problem, where) for where, text in patterns if (problem := regexes.problem(text))
    )


def _filter_problems(
    filters: tuple[HTTPFilter, ...], matches: tuple[HTTPRouteMatch, ...], path: str, *, on_backend: bool
) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    for i, spec in enumerate(filters):
        feature = ROUTE_FILTERS.get(spec.type)
        if spec.type == "ExtensionRef" and spec.extension_ref:
            named = f"{spec.extension_ref.group}/{spec.extension_ref.kind} {spec.extension_ref.name}"
            findings.append(
                Finding(RESOLVED_REFS, "InvalidKind", f"{named} is not supported as a filter", f"{path}[{i}].extensionRef")
            )
        elif feature is None or (on_backend and not feature.on_backend):
            place = "on a backend" if on_backend else "yet"
            findings.append(
                Finding(ACCEPTED, "UnsupportedValue", f"filter {spec.type} is not supported {place}", f"{path}[{i}].type")
            )
        elif problem := feature.problem(spec, matches):
            findings.append(Finding(ACCEPTED, "IncompatibleFilters", problem, f"{path}[{i}]"))
    return tuple(findings)


def _filters(
    read: Read, route: RouteKey, filters: tuple[HTTPFilter, ...], path: str
) -> tuple[tuple[RuleFilter, ...], tuple[Finding, ...]]:
    resolved: list[RuleFilter] = []
    findings: list[Finding] = []
    for i, spec in enumerate(filters):
        if spec.request_mirror is None:
            resolved.append(RuleFilter(spec, None))
            continue
        where = f"{path}.filters[{i}].requestMirror.backendRef"
        resolution = backends.resolve(read, route, spec.request_mirror.backend_ref, where)
        resolved.append(RuleFilter(spec, resolution.cluster))
        if resolution.finding is not None:
            findings.append(resolution.finding)
    return tuple(resolved), tuple(findings)


def _shares(read: Read, route: RouteKey, rule: HTTPRouteRule, path: str) -> tuple[tuple[Share, ...], tuple[Finding, ...], bool]:
    """Resolve the backends of a rule; also says whether a filter of one of them cannot be honoured."""
    shares: list[Share] = []
    findings: list[Finding] = []
    broken = False
    for i, reference in enumerate(rule.backend_refs):
        where = f"{path}.backendRefs[{i}]"
        share, finding = _share(read, route, reference, where)
        shares.append(share)
        problems = _filter_problems(reference.filters, rule.matches, f"{where}.filters", on_backend=True)
        findings.extend((*([finding] if finding else []), *problems))
        broken = broken or bool(problems)
    return tuple(shares), tuple(findings), broken


def _share(read: Read, route: RouteKey, reference: HTTPBackendRef, path: str) -> tuple[Share, Finding | None]:
    resolution = backends.resolve(read, route, reference, path)
    return Share(reference.weight, resolution.cluster, reference.filters), resolution.finding
