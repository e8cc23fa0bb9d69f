"""Others are served between the graphs of one call, and never within one."""

from __future__ import annotations

import asyncio
import json

from mock_server.config import Settings
from mock_server.operations import Call, Operation
from mock_server.server import App

DATA = "/services/data/v60.0"


def node(number: int) -> dict[str, object]:
    url = f"{DATA}/sobjects/Account"
    return {"method": "POST", "url": url, "referenceId": f"r{number}", "body": {"Name": f"Account {number}"}}


def test_others_see_whole_graphs_between_the_transactions_of_a_call() -> None:
    async def seen() -> list[int]:
        app = App(Settings())
        await app.start()
        org = app.world.default
        who = org.sessions.open(org.directory.default_user, org.directory.default_app, ("api",))
        graphs = [{"graphId": str(number), "compositeRequest": list(map(node, range(10)))} for number in range(4)]
        headers = {"Authorization": f"Bearer {who.token}", "Content-Type": "application/json"}
        call = Call(
            Operation("unknown", "*", "", "read"), "POST", f"{DATA}/composite/graph", "", headers,
            json.dumps({"graphs": graphs}).encode(), "http://127.0.0.1",
        )  # fmt: skip
        asked = asyncio.ensure_future(app._gate.handle(call))
        counts = []
        while not asked.done():
            await asyncio.sleep(0)
            counts.append(org.query(who, "SELECT COUNT() FROM Account", base="").total)
        assert asked.result().status == 200
        await app.close()
        return counts

    assert set(asyncio.run(seen())) == {0, 10, 20, 30, 40}
