"""merge(): several records of one kind become one. One save: the master is changed, the others go to the bin.

Source: SOAP API Developer Guide, "merge()".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_18
from mock_server.org.records.changes import Change, RowResult

if TYPE_CHECKING:
    from mock_server.org.org import Org

MOST_MERGED = 2
"""Records that are merged into a master at once."""
_MERGEABLE = frozenset({"Account", "Contact", "Lead", "Case", "Individual"})


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge. `related` are the records that have the master for their parent now."""

    id: str
    merged: tuple[str, ...]
    related: tuple[str, ...]
    errors: tuple[ApiError, ...] = ()


def changes(
    org: Org, sobject: str, master: str | None, values: Mapping[str, Any], losers: Sequence[str]
) -> list[Change]:
    """Return the rows of a merge, to be saved all or none. `values` are what the master takes over from the others."""
    into = to_18(master) if master else None
    refusal = _refusal(org, sobject, losers)
    rows = [Change("update", sobject, dict(values), id=master, refusal=refusal)]
    return rows + [Change("delete", sobject, id=loser, into=into or master) for loser in losers]


def _refusal(org: Org, name: str, losers: Sequence[str]) -> ApiError | None:
    sobject = org.schema.get(name)
    if sobject is not None and sobject.name not in _MERGEABLE:
        return errors.INVALID_TYPE_FOR_OPERATION(sobject=sobject.name, operation="merge", fields=())
    if not losers:
        return errors.REQUIRED_FIELD_MISSING(names="recordToMergeIds", fields=["recordToMergeIds"])
    if len(losers) > MOST_MERGED:
        return errors.LIMIT_EXCEEDED()
    return None


def outcome(org: Org, results: Sequence[RowResult], mark: int) -> Merged:
    """Return what came of a merge that was saved after commit number `mark`."""
    failed = [error for result in results for error in result.errors]
    # Who was only taken back along with the one that failed has nothing to say.
    own = [error for error in failed if error.spec is not errors.ALL_OR_NONE_OPERATION_ROLLED_BACK] or failed
    if own:
        return Merged("", (), (), tuple(own))
    master = str(results[0].id)
    related = dict.fromkeys(
        commit.id for commit in org.commits(mark) if commit.verb == "update" and commit.id != master
    )
    return Merged(master, tuple(str(result.id) for result in results[1:]), tuple(related))
