"""What an ingest job of Bulk API 2.0 may be: its object, its operation, its external id, and who may give it.

Sources: "Create a Job" of the Bulk API 2.0 guide; the texts stand in `errors/jobs.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.identity.sessions import Session
from mock_server.org.ids import to_18
from mock_server.org.jobs.askable import supported
from mock_server.org.jobs.model import NewJob
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.org import Org

_NEEDS = {
    "insert": ("create", "createable"),
    "update": ("update", "updateable"),
    "upsert": ("upsert", "createable"),
    "delete": ("delete", "deletable"),
    "hardDelete": ("delete", "deletable"),
}
"""How an operation is called in the refusal, and the mark of a describe that an object must have for it."""
_ASSIGNED = frozenset({"Account", "Case", "Lead"})


def checked(org: Org, who: Session, new: NewJob) -> NewJob:
    """Return a job to make, with names as the schema has them. Raises INVALIDJOB, INVALIDENTITY, FEATURENOTENABLED."""
    sobject = org.schema_of(who).get(new.sobject)
    if sobject is None:
        raise errors.NO_JOB_OBJECT(entity=new.sobject)
    if not supported(sobject):
        raise errors.NO_SUCH_ENTITY(entity=sobject.name)
    if new.operation == "hardDelete" and not org.may(who, "BulkApiHardDelete"):
        raise errors.HARD_DELETE_REFUSED()
    what, mark = _NEEDS[new.operation]
    if mark not in sobject.flags:
        raise errors.NO_JOB_ACCESS(what=what, entity=sobject.name)
    return replace(
        new,
        sobject=sobject.name,
        key_field=_key_field(sobject, new),
        assignment_rule=_assignment_rule(org, who, sobject, new),
    )


def _key_field(sobject: SObject, new: NewJob) -> str | None:
    """Return the external id of an upsert; other operations have none, whatever is said."""
    if new.operation != "upsert":
        return None
    if new.key_field is None:
        raise errors.EXTERNAL_ID_BLANK(entity=sobject.name)
    field = sobject.field(new.key_field)
    if field is None or not (field.name == "Id" or field.external_id or field.id_lookup):
        raise errors.NO_EXTERNAL_ID(field=new.key_field, entity=sobject.name)
    return field.name


def _assignment_rule(org: Org, who: Session, sobject: SObject, new: NewJob) -> str | None:
    """Return the rule that chooses owners, whether it is active or not."""
    if new.assignment_rule is None:
        return None
    rule = to_18(new.assignment_rule) or ""
    seen = org.schema_of(who).get("AssignmentRule") is not None
    if not (rule and seen and sobject.name in _ASSIGNED and org.sees(who, "AssignmentRule", rule)):
        raise errors.INVALID_JOB(text=f"Unable to find assignment rule: {new.assignment_rule}")
    return rule
