"""What a job may be: its object, its operation, its external id, and who may give it.

Sources: "Create a Job" of the guides of Bulk API 2.0 and 1.0; the texts stand in `errors/jobs.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.identity.sessions import Session
from mock_server.org.ids import to_18
from mock_server.org.jobs.askable import supported
from mock_server.org.jobs.model import QUERIES, NewJob
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.org import Org

HARD_DELETE = "BulkApiHardDelete"
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
    """Return a job to make, with names as the schema has them.

    Raises INVALIDJOB, INVALIDENTITY, FEATURENOTENABLED for an ingest job; InvalidJob, InvalidEntity, FeatureNotEnabled
    for one of Bulk 1.0.
    """
    return _classic(org, who, new) if new.api == "classic" else _ingest(org, who, new)


def _ingest(org: Org, who: Session, new: NewJob) -> NewJob:
    sobject = org.schema_of(who).get(new.sobject)
    if sobject is None:
        raise errors.NO_JOB_OBJECT(entity=new.sobject)
    if not supported(sobject):
        raise errors.NO_SUCH_ENTITY(entity=sobject.name)
    if new.operation == "hardDelete" and not org.may(who, HARD_DELETE):
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


def _classic(org: Org, who: Session, new: NewJob) -> NewJob:
    sobject = org.schema_of(who).get(new.sobject)
    if sobject is None:
        raise errors.NO_CLASSIC_OBJECT(entity=new.sobject[:80])
    # Files come in zips: of ingest jobs it has more objects than Bulk 2.0.
    if sobject.derived or (new.operation in QUERIES and not supported(sobject)):
        raise errors.UNSUPPORTED_ENTITY(entity=sobject.name)
    if new.operation == "hardDelete" and not org.may(who, HARD_DELETE):
        raise errors.HARD_DELETE_NOT_ENABLED()
    if new.operation != "upsert" and new.key_field is not None:
        # D: a job that is no upsert has none.
        raise errors.CLASSIC_JOB(text="ExternalIdFieldName can only be specified for upsert")
    return replace(new, sobject=sobject.name, key_field=_classic_key(sobject, new))


def _classic_key(sobject: SObject, new: NewJob) -> str | None:
    if new.operation != "upsert":
        return None
    if new.key_field is None:
        raise errors.CLASSIC_JOB(
            text=f"External ID was blank for {sobject.name}. An External ID must be specified for upsert."
        )
    found = _named(sobject, new.key_field)
    if found is None:
        raise errors.CLASSIC_JOB(
            text=f"Field name provided, {new.key_field[:80]} does not match an External ID for {sobject.name}"
        )
    return found


def _named(sobject: SObject, name: str) -> str | None:
    """Return the name of a field by which an upsert finds records, None where it is no such field."""
    field = sobject.field(name)
    return field.name if field is not None and (field.name == "Id" or field.external_id or field.id_lookup) else None


def _key_field(sobject: SObject, new: NewJob) -> str | None:
    """Return the external id of an upsert; other operations have none, whatever is said."""
    if new.operation != "upsert":
        return None
    if new.key_field is None:
        raise errors.EXTERNAL_ID_BLANK(entity=sobject.name)
    found = _named(sobject, new.key_field)
    if found is None:
        raise errors.NO_EXTERNAL_ID(field=new.key_field, entity=sobject.name)
    return found


def _assignment_rule(org: Org, who: Session, sobject: SObject, new: NewJob) -> str | None:
    """Return the rule that chooses owners, whether it is active or not."""
    if new.assignment_rule is None:
        return None
    rule = to_18(new.assignment_rule) or ""
    seen = org.schema_of(who).get("AssignmentRule") is not None
    if not (rule and seen and sobject.name in _ASSIGNED and org.sees(who, "AssignmentRule", rule)):
        raise errors.INVALID_JOB(text=f"Unable to find assignment rule: {new.assignment_rule}")
    return rule
