"""Filters of route rules, resolved: what they refer to, and whether they can be honoured together.

A filter that cannot be honoured is never skipped: its rule answers 500. Only a mirror may be left out, since the client's
answer does not depend on it. Sources: Gateway API HTTPRouteFilter ("Implementations MUST NOT skip"), checklist section 12.2.
"""

from typing import Final

import msgspec
from msgspec.structs import replace

from gatewright.api.filters import HTTPFilter
from gatewright.api.httproute import HTTPRouteMatch
from gatewright.api.httproutefilter import CustomResponseBody, HTTPRouteFilterSpec
from gatewright.api.meta import NamespacedName
from gatewright.api.references import LocalObjectReference
from gatewright.features import ROUTE_FILTERS
from gatewright.flow import Read
from gatewright.graph import backends, credentials, regexes
from gatewright.graph.findings import ACCEPTED, RESOLVED_REFS, Finding, kind_name, of
from gatewright.graph.rules import RuleFilter
from gatewright.graph.tables import CONFIG_MAPS, HTTP_ROUTE_FILTERS, RouteKey

EXTENSION: Final = ("gateway.envoyproxy.io", "HTTPRouteFilter")
MAX_BODY_BYTES: Final = 1 << 20  # what a ConfigMap may hold
_STATUSES: Final = range(200, 600)
_SUCCESSES: Final = frozenset({None, *range(200, 300)})
_BODY_ENTRY: Final = "response.body"


class RuleFilters(msgspec.Struct, frozen=True):
    """The filters of a rule; `broken` is whether one of them cannot be honoured."""

    filters: tuple[RuleFilter, ...]
    broken: bool
    findings: tuple[Finding, ...]


def resolve(
    read: Read, route: RouteKey, filters: tuple[HTTPFilter, ...], matches: tuple[HTTPRouteMatch, ...], path: str
) -> RuleFilters:
    """Resolve the filters of a rule whose field is `path`."""
    resolved: list[RuleFilter] = []
    findings: list[Finding] = []
    harmless: list[Finding] = []
    for i, spec in enumerate(filters):
        where = f"{path}[{i}]"
        if spec.request_mirror is not None:
            resolution = backends.resolve(read, route, spec.request_mirror.backend_ref, f"{where}.requestMirror.backendRef")
            resolved.append(RuleFilter(spec, resolution.cluster))
            harmless.extend(filter(None, (resolution.finding,)))
        elif spec.external_auth is not None:
            protocol = "grpc" if spec.external_auth.protocol == "GRPC" else ""
            authorizer = f"{where}.externalAuth.backendRef"
            resolution = backends.resolve(read, route, spec.external_auth.backend_ref, authorizer, protocol=protocol)
            resolved.append(RuleFilter(spec, resolution.cluster))
            findings.extend(filter(None, (resolution.finding,)))
        elif spec.extension_ref is not None:
            extended, problems = _extension(read, route, spec, spec.extension_ref, f"{where}.extensionRef")
            resolved.append(extended)
            findings.extend(problems)
        else:
            resolved.append(RuleFilter(spec))
            findings.extend(_problems(spec, matches, where))
    findings.extend(_clashes(resolved, path))
    return RuleFilters(tuple(resolved), bool(findings), (*findings, *harmless))


def resolve_on_backend(
    read: Read,
    route: RouteKey,
    filters: tuple[HTTPFilter, ...],
    rule: RuleFilters,
    matches: tuple[HTTPRouteMatch, ...],
    path: str,
) -> RuleFilters:
    """Resolve the filters of a backend, which act beside those of its `rule`.

    The backend is as good as unresolved where one of them cannot be honoured, or where the rule has set the same thing.
    """
    if not filters:
        return RuleFilters((), broken=False, findings=())
    resolved = resolve(read, route, filters, matches, path)
    findings = resolved.findings
    if not rule.broken and not of(findings, ACCEPTED):
        findings += _clashes([*rule.filters, *resolved.filters], path)
    broken = resolved.broken or len(findings) > len(resolved.findings)
    return RuleFilters(resolved.filters, broken, tuple(map(_against_backend, findings)))


def _against_backend(finding: Finding) -> Finding:
    """Put what is wrong with a filter of a backend as something that is wrong with the backend."""
    return finding if finding.condition != ACCEPTED else replace(finding, condition=RESOLVED_REFS, reason="UnsupportedRefValue")


def _problems(spec: HTTPFilter, matches: tuple[HTTPRouteMatch, ...], path: str) -> tuple[Finding, ...]:
    """Say why one filter of the Gateway API cannot be honoured on a rule."""
    feature = ROUTE_FILTERS.get(spec.type)
    if feature is None:
        return (Finding(ACCEPTED, "UnsupportedValue", f"filter {spec.type} is not supported yet", f"{path}.type"),)
    problem = feature.problem(spec, matches)
    return (Finding(ACCEPTED, "IncompatibleFilters", problem, path),) if problem else ()


def _clashes(filters: list[RuleFilter], path: str) -> tuple[Finding, ...]:
    """Find filters that exclude each other: two that set the same thing, or one that answers and one that forwards."""
    answering = [each for each in filters if each.answers]
    forwarding = [i for i, each in enumerate(filters) if not each.answers and (each.spec.request_mirror or _rewritten(each))]
    if len(answering) > 1:
        return (Finding(ACCEPTED, "IncompatibleFilters", "more than one filter answers the request", path),)
    if answering and forwarding:
        message = "a filter that answers the request excludes one for the request to the backend"
        return (Finding(ACCEPTED, "IncompatibleFilters", message, f"{path}[{forwarding[0]}]"),)
    if sum(each.extension is not None and bool(each.extension.matches) for each in filters) > 1:
        return (Finding(ACCEPTED, "IncompatibleFilters", "more than one filter adds matches", path),)
    if sum(each.credential is not None for each in filters) > 1:
        return (Finding(ACCEPTED, "IncompatibleFilters", "more than one filter sends a credential", path),)
    done = [part for each in filters for part in (*_rewritten(each), *(("authorization",) if each.spec.external_auth else ()))]
    twice = next((part for part in done if done.count(part) > 1), None)
    message = f"more than one filter {'does the' if twice == 'authorization' else 'rewrites the'} {twice}"
    return (Finding(ACCEPTED, "IncompatibleFilters", message, path),) if twice else ()


def _rewritten(resolved: RuleFilter) -> tuple[str, ...]:
    """The parts of a request that a filter rewrites."""
    rewrite = resolved.spec.url_rewrite or (resolved.extension.url_rewrite if resolved.extension else None)
    if rewrite is None:
        return ()
    return tuple(name for name, part in (("hostname", rewrite.hostname), ("path", rewrite.path)) if part is not None)


def _extension(
    read: Read, route: RouteKey, spec: HTTPFilter, reference: LocalObjectReference, path: str
) -> tuple[RuleFilter, tuple[Finding, ...]]:
    nothing = RuleFilter(spec)
    if (reference.group, reference.kind) != EXTENSION:
        kind = kind_name(reference.group, reference.kind)
        message = f"{kind} is not supported as a filter; use {kind_name(*EXTENSION)}"
        return nothing, (Finding(RESOLVED_REFS, "InvalidKind", message, f"{path}.kind"),)
    key = NamespacedName(route.namespace, reference.name)
    found = read(HTTP_ROUTE_FILTERS, key)
    if found is None:
        return nothing, (Finding(RESOLVED_REFS, "BackendNotFound", f"HTTPRouteFilter {key} not found", path),)
    body, problem = _body(read, route.namespace, found.spec)
    problems = [Finding(RESOLVED_REFS, "BackendNotFound", f"HTTPRouteFilter {key}: {problem}", path)] if problem else []
    problems += [
        Finding(ACCEPTED, "UnsupportedValue", f"HTTPRouteFilter {key}: {each}", path) for each in _unsupported(route, found.spec)
    ]
    credential = None
    if found.spec.credential_injection is not None:
        injected = found.spec.credential_injection
        credential, unusable = credentials.resolve(read, route.namespace, injected, path)
        problems += [replace(unusable, message=f"HTTPRouteFilter {key}: {unusable.message}")] if unusable else []
    return RuleFilter(spec, extension=found.spec, body=body, credential=credential), tuple(problems)


def _unsupported(route: RouteKey, spec: HTTPRouteFilterSpec) -> list[str]:
    """Say what of an HTTPRouteFilter cannot be honoured on a route."""
    problems = [
        regexes.problem(cookie.value) for match in spec.matches for cookie in match.cookies if cookie.type == "RegularExpression"
    ]
    status = spec.direct_response.status_code if spec.direct_response else None
    if route.kind == "GRPCRoute" and spec.direct_response and status in _SUCCESSES:
        problems.append("spec.directResponse with a status of success is no answer to a call of gRPC; use an error")
    if status is not None and status not in _STATUSES:
        problems.append(f"spec.directResponse.statusCode {status} is not between {_STATUSES[0]} and {_STATUSES[-1]}")
    rewrite = spec.url_rewrite
    if rewrite and rewrite.path and rewrite.path.replace_regex_match:
        problems.append(regexes.substitution_problem(rewrite.path.replace_regex_match))
    if rewrite and rewrite.hostname and rewrite.hostname.path_regex:
        problems.append(regexes.substitution_problem(rewrite.hostname.path_regex))
    return [problem for problem in problems if problem]


def _body(read: Read, namespace: str, spec: HTTPRouteFilterSpec) -> tuple[str, str]:
    """Return the body of a direct response, or what is wrong with the reference to it."""
    response = spec.direct_response
    if response is None or response.body is None:
        return "", ""
    text, problem = _text(read, namespace, response.body)
    if len(text.encode()) > MAX_BODY_BYTES:
        return "", f"the body is longer than {MAX_BODY_BYTES} bytes"
    return text, problem


def _text(read: Read, namespace: str, body: CustomResponseBody) -> tuple[str, str]:
    if body.type == "Inline" or body.value_ref is None:
        return body.inline or "", ""
    key = NamespacedName(namespace, body.value_ref.name)
    config_map = read(CONFIG_MAPS, key)
    if config_map is None:
        return "", f"ConfigMap {key} not found"
    if not config_map.data:
        return "", f"ConfigMap {key} is empty"
    entry = _BODY_ENTRY if _BODY_ENTRY in config_map.data else min(config_map.data)
    return config_map.data[entry], ""
