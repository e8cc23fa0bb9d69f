"""Parents that a row names by a key of theirs: `{"Account": {"External_Id__c": "A1"}}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_15
from mock_server.org.records.plans import plan_of
from mock_server.org.records.rows import Chunk, NamedParent, Row
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import fold_column
from mock_server.org.records.values import Misfit
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject, fold

if TYPE_CHECKING:
    from mock_server.org.identity.access import Access
    from mock_server.org.identity.permissions import Permissions


class WrongParent(Misfit):
    """A relationship whose value is no object."""

    def __init__(self, name: str, target: str, value: Any) -> None:
        super().__init__(Field(name, name, "reference"), value)
        self._target = target

    @property
    def text(self) -> str:
        return super().text.replace("instance of string", f"instance of {self._target}", 1)


class _Wanted(NamedTuple):
    row: Row
    place: int
    reference: Field
    named: NamedParent
    value: Any
    """The key in stored form, folded where it is compared so."""


class NamedParents:
    """Reads and finds the parents of one org's rows."""

    def __init__(self, schema: Schema, store: Store, permissions: Permissions) -> None:
        self._schema = schema
        self._store = store
        self._permissions = permissions

    def read(self, row: Row, name: str, value: Any, access: Access | None) -> bool:
        """Note the parent that a row names; tell whether `name` is a relationship. Raises Misfit."""
        reference = row.sobject.parent(name)
        slot = row.plan.slot(reference.name) if reference is not None else None
        if reference is None or slot is None:
            return False
        if not (slot.createable if row.verb == "create" else slot.updateable):
            row.fail(errors.INVALID_FIELD_FOR_INSERT_UPDATE(names=reference.name, fields=[reference.name]))
        elif any(given.lower() == reference.name.lower() for given in row.change.values):
            row.fail(errors.TWO_PARENTS(relationship=name, field=reference.name))
        elif value is None:
            row.values[reference.name] = None
        elif not isinstance(value, dict):
            raise WrongParent(name, reference.reference_to[0] if reference.reference_to else name, value)
        else:
            self._read(row, reference, value, access)
        return True

    def _read(self, row: Row, reference: Field, value: dict[str, Any], access: Access | None) -> None:
        attributes = value.get("attributes")
        kind = attributes.get("type") if isinstance(attributes, dict) else None
        keys = [key for key in value if key != "attributes"]
        targets = [found for name in reference.reference_to if (found := self._schema.get(name)) is not None]
        if isinstance(kind, str):
            targets = [target for target in targets if target.name.lower() == kind.lower()]
        if not targets:
            row.fail(errors.WRONG_PARENT_TYPE(type=kind, field=reference.name))
        elif len(keys) != 1:
            spec = errors.NO_PARENT_KEY if not keys else errors.TWO_PARENT_KEYS
            row.fail(spec(sobject=targets[0].name))
        else:
            # Of the objects that a reference may lead to, and when no type is given, the first that has such a key.
            target = next((one for one in targets if parent_key(one, keys[0], access)), targets[0])
            key = parent_key(target, keys[0], access)
            if key is not None:
                row.parents = row.parents or {}
                row.parents[reference] = NamedParent(target, key, value[keys[0]])
                row.values[reference.name] = None
                self._store.ready(target)
            elif target.field(keys[0]) is None:
                row.fail(errors.NO_SUCH_COLUMN(field=keys[0], sobject=target.name))
            else:
                row.fail(errors.NO_PARENT_INDEX(field=keys[0], sobject=target.name))

    def find(self, chunk: Chunk) -> None:
        """Find the parents that the rows of a chunk name, all of one kind at once."""
        groups: dict[tuple[str, str], list[_Wanted]] = {}
        for place, row in enumerate(chunk.rows):
            for reference, named in () if row.errors or not row.parents else row.parents.items():
                value = self._stored(row, named)
                if value is not None:
                    group = groups.setdefault((named.target.name, named.key.name), [])
                    group.append(_Wanted(row, place, reference, named, value))
        for wanted in groups.values():
            target, key = wanted[0].named.target, wanted[0].named.key
            found = self._lookup(chunk, target, key, [one.value for one in wanted])
            for one in wanted:
                self._settle(chunk, one, found.get(one.value, []))

    @staticmethod
    def _stored(row: Row, named: NamedParent) -> Any:
        """Return a key in the form in which it is looked up; None when there is none, which fails the row."""
        slot = plan_of(named.target).slot(named.key.name)
        assert slot is not None
        try:
            value = None if named.value is None else slot.coerce(named.value)
        except ApiError as error:
            row.fail(error)
            return None
        if value is None:
            row.fail(errors.FOREIGN_KEY_NOT_FOUND(value="null", field=named.key.name, sobject=named.target.name))
            return None
        return fold(value) if named.key.folded else value

    def _lookup(self, chunk: Chunk, target: SObject, key: Field, values: list[Any]) -> dict[Any, list[str]]:
        column = fold_column(key.name) if key.folded else key.name
        found: dict[Any, list[str]] = {}
        for value, identifier, deleted in self._store.lookup(target, column, values, column, "Id", "IsDeleted"):
            if not deleted:
                found.setdefault(value, []).append(identifier)
        if chunk.access is not None and found:
            seen = self._permissions.reached(chunk.access, target, [one for some in found.values() for one in some])
            found = {value: [one for one in some if one in seen] for value, some in found.items()}
        return found

    def _settle(self, chunk: Chunk, wanted: _Wanted, found: list[str]) -> None:
        row, named = wanted.row, wanted.named
        if len(found) == 1:
            row.values[wanted.reference.name] = found[0]
        elif found:
            ids = ", ".join(map(to_15, found))
            row.fail(errors.DUPLICATE_EXTERNAL_ID(field=named.key.name, ids=ids, fields=[named.key.name], status=400))
        elif (parent := self._same_call(chunk, wanted)) is not None:
            row.waits = row.waits or {}
            row.waits[wanted.reference.name] = parent, named
        else:
            value, field = named.value, named.key.name
            row.fail(errors.FOREIGN_KEY_NOT_FOUND(value=value, field=field, sobject=named.target.name))

    @staticmethod
    def _same_call(chunk: Chunk, wanted: _Wanted) -> Row | None:
        """Return the row of the same call that makes the parent.

        Rows of one object are saved together, objects in the order of the call: only another object's row can have been
        saved before (Apex Developer Guide, "Creating Parent and Child Records in a Single Statement").
        """
        named, key = wanted.named, wanted.named.key
        for row in chunk.rows[: wanted.place]:
            if row.errors or row.sobject is not named.target or row.sobject is wanted.row.sobject:
                continue
            value = row.values.get(key.name)
            if value is not None and (fold(value) if key.folded else value) == wanted.value:
                return row
        return None


def fill(chunk: Chunk) -> None:
    """Refer to parents that the same call makes, once they have their ids."""
    for row in chunk.rows:
        if row.waits and not row.errors:
            row.values.update((name, parent.id) for name, (parent, _) in row.waits.items())


def forsake(chunk: Chunk) -> None:
    """Refuse rows whose parents of the same call failed."""
    for row in chunk.rows:
        if row.waits and not row.errors:
            for parent, named in row.waits.values():
                if parent.errors:
                    value, field = named.value, named.key.name
                    row.fail(errors.FOREIGN_KEY_NOT_FOUND(value=value, field=field, sobject=named.target.name))
                    break


def parent_key(sobject: SObject, name: str, access: Access | None) -> Field | None:
    """Return the field by which a record of an object can be named, None when it is none."""
    key = sobject.field(name)
    if key is None or not (key.external_id or key.id_lookup or key.type == "id") or not key.stored:
        return None
    if access is not None and not ("read" in access.rights(sobject) and access.sees(sobject, key)):
        return None
    return key
