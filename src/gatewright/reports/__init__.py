"""Answers for people, made of settled tables when somebody asks: who may attach and refer to what, why a route does not work.

A report is a pure function of a world and a query (words by name, as in a URL), and its result a value that becomes JSON. The
same reports are made of a folder and by the running server. To add one: a module, and an entry in `REPORTS`.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from gatewright.flow import World
from gatewright.reports import access, attachable, route

Query: TypeAlias = Mapping[str, str]

REPORTS: Final[Mapping[str, Callable[[World, Query], object]]] = {
    "access": access.report,
    "attachable": attachable.report,
    "route": route.report,
}
