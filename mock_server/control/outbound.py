"""What an org sends by itself: what waits and what is over, where it goes, and the WSDL of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mock_server.control.call import ControlCall, Refused, answer, done, routes
from mock_server.faults.reader import shown
from mock_server.operations import Reply
from mock_server.org.outbound.targets import BadTarget, admitted, check, filled, host_of

if TYPE_CHECKING:
    from mock_server.org.outbound.jobs import CalloutJob
    from mock_server.org.outbound.outbound import Outbound
    from mock_server.org.outbound.queue import QueuedMessage


@routes.of_org("outbound.read", "GET", "outbound", "List what the org has sent, sends and will send by itself")
async def read(call: ControlCall) -> Reply:
    return answer(_told(call))


def _told(call: ControlCall) -> dict[str, Any]:
    # An org that never had anything to send does not load it for the question.
    if not call.org.sends:
        return {"service": None, "endpoints": {}, "waiting": 0, "next": None, "messages": [], "callouts": []}
    outbound = call.org.outbound
    items = [_item(one) for one in outbound.queue]
    told = {
        "service": outbound.service,
        "endpoints": dict(outbound.endpoints),
        "waiting": len(outbound.queue),
        "next": outbound.queue.next_due(),
        "messages": [one for one in items if "notifications" in one],
        "callouts": [one for one in items if "callouts" in one],
    }
    hidden: dict[str, Any] = call.org.redactor.hide_within(told)
    return hidden


def _item(item: QueuedMessage | CalloutJob) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "state": item.state,
        "attempts": item.attempts,
        "status": item.status,
        "error": item.error,
        "created": item.created,
        "tried": item.tried,
        "due": item.due if item.state == "queued" else None,
        "exchange": item.exchange,
    }
    from mock_server.org.outbound.queue import QueuedMessage

    if isinstance(item, QueuedMessage):
        pairs = [{"id": name, "record": record} for name, record in item.notifications]
        return {**told, "action": item.message.id, "notifications": pairs}
    calls = [
        {
            "id": one.id,
            "record": one.record,
            "event": one.verb,
            "attempts": one.attempts,
            "status": one.answer.status if one.answer is not None else None,
            "error": one.answer.error if one.answer is not None else None,
        }
        for one in item.items
    ]
    return {**told, "callouts": calls}


@routes.of_org("outbound.change", "PATCH", "outbound", "Say where {service} is, or what else an endpoint is")
async def change(call: ControlCall) -> Reply:
    outbound = call.org.outbound
    with call.reading("service", "endpoints", what="where the org sends to") as body:
        service = body.text("service")
        if service is not None:
            _check(outbound, service, "service", body.refuse)
        endpoints = body.mapping("endpoints")
        names = sorted({one.name for one in (*outbound.messages, *outbound.callouts)})
        changed: dict[str, str] = {}
        for name in endpoints.data if endpoints is not None else ():
            assert endpoints is not None
            url = endpoints.text(name)
            if name.lower() not in {one.lower() for one in names}:
                endpoints.refuse(name, f"there is no message or callout {shown(name)}", names, name, at_key=True)
            elif url is not None:
                _check(outbound, url, name, endpoints.refuse)
                changed[name.lower()] = url
    if service is not None:
        outbound.service = service.rstrip("/")
    outbound.endpoints |= changed
    outbound.wake()
    return answer(_told(call))


def _check(outbound: Outbound, url: str, key: str, refuse: Any) -> None:
    try:
        check(url)
        host = host_of(filled(url, "http://localhost"))
    except BadTarget as error:
        refuse(key, str(error))
        return
    if not admitted(host, outbound.hosts):
        refuse(key, f"{host} is not this machine: name it in callout_hosts to send there", sorted(outbound.hosts), host)


@routes.of_org("outbound.retry", "POST", "outbound/{id}/retry", "Try what waits now, whenever it is due")
async def retry(call: ControlCall) -> Reply:
    item = _find(call)
    call.org.outbound.queue.hurry(item, call.org.clock.now())
    call.org.outbound.wake()
    return answer(_item(item))


@routes.of_org("outbound.remove", "DELETE", "outbound/{id}", "Remove what waits: it is sent no more")
async def remove(call: ControlCall) -> Reply:
    call.org.outbound.queue.remove(_find(call))
    return done()


def _find(call: ControlCall) -> QueuedMessage | CalloutJob:
    name = call.args["id"]
    found = call.org.outbound.queue.find(name) if call.org.sends else None
    if found is None:
        known = [one.id for one in call.org.outbound.queue if one.state == "queued"] if call.org.sends else []
        raise Refused(404, f"nothing of the id {name} waits", "id", known[:40], name)
    return found


@routes.of_org("outbound.wsdl", "GET", "outbound/wsdl/{name}", "Give the WSDL of an outbound message")
async def wsdl(call: ControlCall) -> Reply:
    from mock_server.org.outbound.wsdl import wsdl as write

    name, org = call.args["name"], call.org
    known = [one.name for one in org.outbound.messages] if org.sends else []
    message = org.outbound.messages.named(name, call.query.get("object")) if org.sends else None
    sobject = org.schema.get(message.sobject) if message is not None else None
    if message is None or sobject is None:
        raise Refused(404, f"there is no outbound message {name}", "name", known, name)
    outbound = org.outbound
    endpoint = filled(outbound.endpoint(message), outbound.service or "http://localhost")
    text = write(message, sobject, endpoint)
    if call.query.get("json") == "true":
        return answer({"wsdl": text})
    return Reply(200, text.encode(), "text/xml;charset=UTF-8")
