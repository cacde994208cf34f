"""XBackendTrafficPolicy: retry budgets and sessions of backends (gateway.networking.x-k8s.io/v1alpha1, experimental)."""

from typing import Annotated, ClassVar, Final

from msgspec import Meta

from gatewright.api.durations import milliseconds
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import LocalPolicyTargetReference
from gatewright.api.routes import SessionPersistence
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import Duration, map_of

_SECOND: Final = 1_000  # milliseconds, as all durations here
_HOUR: Final = 3_600_000


class BudgetDetails(Model):
    """Retries may be `percent` of the requests of an `interval`."""

    percent: Annotated[int, Meta(ge=0, le=100)] = 20
    interval: Duration = "10s"

    checks: ClassVar[Rules] = (
        Rule(
            "interval cannot be greater than one hour or less than one second",
            "!(duration(self) < duration('1s') || duration(self) > duration('1h'))",
            lambda interval: _SECOND <= milliseconds(interval) <= _HOUR,
            field="interval",
        ),
    )


class RequestRate(Model):
    """`count` requests an `interval`."""

    count: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    interval: Duration | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "interval cannot be greater than one hour",
            "!(duration(self) == duration('0s') || duration(self) > duration('1h'))",
            lambda interval: 0 < milliseconds(interval) <= _HOUR,
            field="interval",
        ),
    )


class RetryConstraint(Model):
    """How many retries there may be: the share of `budget`, and always `min_retry_rate`."""

    budget: BudgetDetails = BudgetDetails()
    min_retry_rate: RequestRate = RequestRate(count=10, interval="1s")


class XBackendTrafficPolicySpec(Model):
    """What holds for all traffic to the targets."""

    target_refs: Annotated[tuple[LocalPolicyTargetReference, ...], map_of("group", "kind", "name", min_length=1, max_length=16)]
    retry_constraint: RetryConstraint | None = None
    session_persistence: SessionPersistence | None = None


class XBackendTrafficPolicy(KubernetesObject, kw_only=True):
    """The kind XBackendTrafficPolicy."""

    spec: XBackendTrafficPolicySpec
