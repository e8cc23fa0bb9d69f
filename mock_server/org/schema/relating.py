"""What fields say of other fields and objects: references, master-detail fields, controllers, roll-ups."""

from __future__ import annotations

from dataclasses import replace

from mock_server.org.schema import inline
from mock_server.org.schema.drafts import Draft, Drafts, foreign, is_master
from mock_server.org.schema.errors import SchemaError, brief, close
from mock_server.org.schema.inline import Made
from mock_server.org.schema.types import ChildRelationship, Field

_MOST_MASTERS = 2
_SUMMED = {
    "count": frozenset[str](),
    "sum": frozenset({"double", "currency", "percent", "int"}),
    "min": frozenset({"double", "currency", "percent", "int", "date", "datetime"}),
    "max": frozenset({"double", "currency", "percent", "int", "date", "datetime"}),
}


def relate(drafts: Drafts, draft: Draft, made: Made) -> None:
    """Look up what a reference leads to, and tell the parents of it."""
    one = made.field
    if one.type != "reference" or one.name not in draft.fields:
        return
    targets = []
    for given in one.reference_to:
        parent = drafts.own(given) or drafts.schema.get(given)
        if parent is not None:
            targets.append((parent.sobject if isinstance(parent, Draft) else parent).name)
        elif made.loose or foreign(given) or given.lower() in drafts.left_out:
            drafts.note(made.path, f"{one.name} can lead to {given}, which no source has")
        else:
            raise SchemaError.unknown((*made.path, "referenceTo"), "object", given, drafts.names())
    if not targets and one.reference_to:
        del draft.fields[one.name]
        drafts.note(made.path, f"{one.name} is left out: no source has what it leads to")
        return
    one = replace(one, reference_to=tuple(targets))
    draft.put(one)
    if draft.sobject.kind == "metadata":
        return
    for name in targets:
        target = drafts.draft(name)
        assert target is not None
        called = inline.child_name(draft.sobject.name, made, target.sobject.name, target.child_names)
        target.children.append(
            ChildRelationship(draft.sobject.name, one.name, called, one.cascade_delete, one.restricted_delete)
        )
        if called:
            target.child_names.add(called.lower())


def settle_masters(drafts: Drafts, draft: Draft) -> None:
    """Settle what master-detail fields do to their object."""
    masters = [made for made in draft.masters() if made.field.name in draft.fields]
    if draft.sobject.kind != "object" or not masters:
        return
    if len(masters) > _MOST_MASTERS:
        path = masters[-1].path
        drafts.problems.append(SchemaError(path, f"an object has at most {_MOST_MASTERS} master-detail fields"))
    if not draft.sobject.custom:
        drafts.problems.append(SchemaError(masters[0].path, "a standard object has no master-detail fields of its own"))
    draft.fields.pop("OwnerId", None)
    draft.sobject = replace(draft.sobject, sharing="ControlledByParent")
    # The order says which is the first; where nothing does, the order of definition.
    orders = [draft.fields[made.field.name].relationship_order or 0 for made in masters]
    for place, made in enumerate(masters):
        order = orders[place] if len(set(orders)) == len(orders) else place
        draft.put(replace(draft.fields[made.field.name], relationship_order=order))


def depend(drafts: Drafts, draft: Draft, made: Made) -> None:
    """Check controllers and roll-ups, which name other fields."""
    one = draft.fields.get(made.field.name)
    if one is None:
        return
    if one.controller is not None:
        draft.put(_controlled(drafts, draft, made, one))
    if one.roll_up is not None:
        draft.put(_rolled_up(drafts, draft, made, one))


def _controlled(drafts: Drafts, draft: Draft, made: Made, one: Field) -> Field:
    path = (*made.path, "controllerName" if made.loose else "controller")
    found = draft.find(one.controller or "")
    if found is None:
        controllers = [f.name for f in draft.fields.values() if f.type in ("picklist", "boolean")]
        raise SchemaError.unknown(path, "controlling field", one.controller, controllers)
    if found.type not in ("picklist", "boolean"):
        raise SchemaError(path, f"{found.name} is a {found.type}; a picklist or checkbox can control values")
    chain: list[str] = []
    above: Field | None = found
    while above is not None and above.name not in chain:
        chain.append(above.name)
        if above.name == one.name:
            way = f", by way of {', '.join(chain[:-1])}" if chain[:-1] else ""
            raise SchemaError(path, f"{one.name} controls itself{way}")
        above = draft.find(above.controller) if above.controller is not None else None
    if not made.loose:
        _offered_by(drafts, made, one, found)
    return replace(one, controller=found.name)


def _offered_by(drafts: Drafts, made: Made, one: Field, controller: Field) -> None:
    """Tell of values that wait for values which the controlling field does not have: they are never offered."""
    known = (
        [value.value for value in controller.picklist]
        if controller.picklist
        else ["checked", "unchecked", "true", "false"]
    )
    folded = {value.lower() for value in known}
    for value in one.picklist:
        for wanted in value.valid_for:
            if wanted.lower() not in folded:
                near = close(wanted, known)
                hint = f"; did you mean {near}?" if near else ""
                text = f"{brief(value.value)} is offered for {brief(wanted)}, which {controller.name} does not have"
                drafts.note(made.path, f"{one.name}: {text}{hint}")


def _rolled_up(drafts: Drafts, draft: Draft, made: Made, one: Field) -> Field:
    roll_up = one.roll_up
    assert roll_up is not None
    child = drafts.own(roll_up.child) or drafts.unchanged(roll_up.child)
    if child is None:
        raise SchemaError.unknown((*made.path, "child"), "object", roll_up.child, drafts.names())
    reference = child.find(roll_up.reference)
    path = (*made.path, "reference")
    links = [f.name for f in child.fields.values() if draft.sobject.name in f.reference_to]
    if reference is None:
        raise SchemaError.unknown(path, f"field of {child.sobject.name}", roll_up.reference, links)
    if draft.sobject.name not in reference.reference_to:
        raise SchemaError(path, f"{child.sobject.name}.{reference.name} does not lead to {draft.sobject.name}", links)
    if reference.custom and not is_master(reference):
        raise SchemaError(path, f"{child.sobject.name}.{reference.name} is no master-detail field")
    summed = None
    if roll_up.field is not None:
        summed = child.find(roll_up.field)
        if summed is None:
            raise SchemaError.unknown(
                (*made.path, "field"), f"field of {child.sobject.name}", roll_up.field, child.fields
            )
        if summed.type not in _SUMMED[roll_up.operation]:
            raise SchemaError(
                (*made.path, "field"), f"{summed.name} is a {summed.type}; {roll_up.operation} does not take that",
                sorted(_SUMMED[roll_up.operation]),
            )  # fmt: skip
    for index, item in enumerate(roll_up.filters):
        if child.find(item.field) is None:
            path = (*made.path, "filters", index, "field")
            raise SchemaError.unknown(path, f"field of {child.sobject.name}", item.field, child.fields)
    return replace(
        one,
        type=summed.type if summed and summed.type != "int" else "double",
        precision=18 if summed is None or summed.type in ("double", "currency", "percent", "int") else 0,
        scale=summed.scale if summed else 0,
        groupable=summed is not None and summed.type == "date",
        roll_up=replace(
            roll_up,
            child=child.sobject.name,
            reference=reference.name,
            field=summed.name if summed else None,
            filters=tuple(
                replace(item, field=found.name)
                for item in roll_up.filters
                if (found := child.find(item.field)) is not None
            ),
        ),
    )


def refuse_circles(drafts: Drafts) -> None:
    """Refuse objects that are, over master-detail fields, details of themselves."""
    above = {
        name: [(made, draft.fields[made.field.name].reference_to[0]) for made in draft.masters()
               if made.field.name in draft.fields and draft.fields[made.field.name].reference_to]
        for name, draft in drafts.all.items()
    }  # fmt: skip
    settled: set[str] = set()
    for start in above:
        stack = [(start, iter(above.get(start, ())))]
        on_path = [start]
        while stack:
            following = next(stack[-1][1], None)
            if following is None:
                stack.pop()
                settled.add(on_path.pop())
                continue
            made, parent = following
            if parent in on_path:
                ring = " -> ".join([*on_path[on_path.index(parent) :], parent])
                drafts.problems.append(SchemaError(made.path, f"master-detail fields run in a circle: {ring}"))
            elif parent not in settled:
                stack.append((parent, iter(above.get(parent, ()))))
                on_path.append(parent)
