"""Delivers one outbound message: sends it, reads the acknowledgment, and says when it is to be tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.journal import CallTold
from mock_server.org.outbound.backoff import TIMEOUT
from mock_server.org.outbound.envelope import NotAcknowledged, read_answer
from mock_server.org.outbound.outbound import BadTarget, Unauthorized
from mock_server.outbound.exchange import Sending
from mock_server.outbound.operations import MESSAGE

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.outbound.queue import QueuedMessage
    from mock_server.outbound.client import Received
    from mock_server.outbound.exchange import Exchanges

_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', "Accept": "text/xml"}


async def deliver(org: Org, exchanges: Exchanges, item: QueuedMessage) -> None:
    """Try a message once, and note on it what came of that."""
    outbound, message = org.outbound, item.message
    item.attempts += 1
    item.status = None
    told = CallTold(
        "outbound message", message.name, item.id, item.attempts, item.records, TIMEOUT, item.exchange, item.sequence,
        tuple(name for name, _ in item.notifications), org.clock.now(),
    )  # fmt: skip
    try:
        url = outbound.target(outbound.endpoint(message))
    except (BadTarget, Unauthorized) as wrong:
        # Nothing leaves: there is no exchange to speak of.
        error: str | None = str(wrong)
    else:
        sending = Sending(MESSAGE, "POST", url, _HEADERS, outbound.envelope(item), message.sobject, told)
        outcome = await exchanges.send(sending, _judge)
        item.status = outcome.received.status if outcome.received is not None else None
        error = outcome.error
    if item.state != "sending":
        # Somebody has removed it meanwhile.
        return
    if error is None:
        item.state, item.error, item.tried = "delivered", None, org.clock.now()
    else:
        item.not_acknowledged(org.clock.now(), error)


def _judge(received: Received) -> str | None:
    try:
        read_answer(received.status, received.body)
    except NotAcknowledged as error:
        return str(error)
    return None
