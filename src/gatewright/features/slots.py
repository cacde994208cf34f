"""Slots: places in every filter chain that are empty until a route fills them.

A filter whose settings Envoy takes for a whole chain only (an authorizer and what it is told, a credential, a script) would
change the listener with the first route that wants it, drain every connection of the port, and leave requests on the old
connections unchecked. So each such filter has a slot in every chain from the start, off and empty, and the whole filter travels
with the route: routes of one listener may fill a slot differently. Source: Envoy's composite filter and its matcher per route.
"""

from typing import Final

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.common.matching.v3.extension_matcher_pb2 import ExtensionWithMatcher, ExtensionWithMatcherPerRoute
from envoy.extensions.filters.common.matcher.action.v3.skip_action_pb2 import SkipFilter
from envoy.extensions.filters.http.composite.v3.composite_pb2 import Composite, ExecuteFilterAction
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from xds.core.v3.extension_pb2 import TypedExtensionConfig as XdsExtension
from xds.type.matcher.v3.matcher_pb2 import Matcher

from gatewright.features.base import packed

_NOTHING: Final = SkipFilter()


def slot(name: str) -> HttpFilter:
    """Return the empty slot of the filter `name`."""
    composite = TypedExtensionConfig(name="composite", typed_config=packed(Composite()))
    settings = ExtensionWithMatcher(extension_config=composite, xds_matcher=_always("nothing", _NOTHING))
    return HttpFilter(name=name, disabled=True, typed_config=packed(settings))


def filled(name: str, settings: Message) -> AnyMessage:
    """Return a route's configuration for the slot `name`: the filter with these settings."""
    action = ExecuteFilterAction(typed_config=TypedExtensionConfig(name=name, typed_config=packed(settings)))
    return packed(ExtensionWithMatcherPerRoute(xds_matcher=_always("filter", action)))


def _always(name: str, action: Message) -> Matcher:
    return Matcher(on_no_match=Matcher.OnMatch(action=XdsExtension(name=name, typed_config=packed(action))))
