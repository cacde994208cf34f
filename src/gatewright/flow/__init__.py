"""The engine: tables of frozen rows, derived by pure rules, settled in batches.

It knows nothing of gateways. `World` holds the tables; `Ref` names one; rules read through `Read` and return rows.
"""

from gatewright.flow.table import Read, Ref
from gatewright.flow.world import Changes, World

__all__ = ["Changes", "Read", "Ref", "World"]
