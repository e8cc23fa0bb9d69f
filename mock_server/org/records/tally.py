"""How many records an org has of its objects, as the resource `limits/recordCount` tells."""

from __future__ import annotations

from collections.abc import Iterable

from mock_server.org.org import Org
from mock_server.org.schema.types import SObject

_UNCOUNTED = ("Feed", "History", "Share", "ChangeEvent", "OwnerSharingRule")
"""What hangs on other objects is not counted (REST API Developer Guide, "Record Count")."""


def record_counts(org: Org, names: Iterable[str] | None) -> dict[str, int]:
    """Return the number of records by object: of some, unknown ones left out, or of all that have any.

    Whoever asks, all records count but deleted ones.
    """
    wanted = org.store.used() if names is None else names
    found = {sobject.name: sobject for name in wanted if (sobject := org.schema.get(name)) is not None}
    counts = {name: org.store.count(sobject) for name, sobject in sorted(found.items()) if _counted(sobject)}
    return counts if names is not None else {name: count for name, count in counts.items() if count}


def _counted(sobject: SObject) -> bool:
    return sobject.is_("queryable") and not sobject.name.endswith(_UNCOUNTED)
