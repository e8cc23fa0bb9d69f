"""Opens pages in a headless Chromium and asks them questions, over its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_START = 30.0
_ANSWER = 30.0


def find_browser() -> str | None:
    """Return the path of a Chromium or Chrome; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def running(program: str) -> Iterator[str]:
    """Start a browser and yield the address of its DevTools; it is gone after the block."""
    folder = tempfile.mkdtemp(prefix="sfmock-browser-")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"]
    flags += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(
        [program, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "DevTools listening on ws://" in line:
                yield "http://" + line.split("ws://")[1].split("/")[0]
                break
        else:
            raise RuntimeError(f"{program} did not start")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Page:
    """One tab. `console` holds what was logged or thrown there, `requests` the addresses that it asked for."""

    socket: aiohttp.ClientWebSocketResponse
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _events: list[str] = field(default_factory=list)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(_ANSWER):
            while True:
                message = await self.socket.receive_json()
                if message.get("id") == number:
                    assert "error" not in message, message["error"]
                    return dict(message["result"])
                self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method", ""), message.get("params", {})
        self._events.append(method)
        if method == "Runtime.consoleAPICalled":
            self.console.append(
                " ".join(str(part.get("value", part.get("description"))) for part in parameters["args"])
            )
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.console.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded":
            self.console.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    async def open(self, file: Path, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """Show a page and wait until it is loaded and drawn."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])
        await self.resize(width, height)
        await self.call("Page.navigate", url=file.as_uri())
        await self.until("document.readyState === 'complete' && location.protocol === 'file:'")
        await self.settle()

    async def resize(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def settle(self) -> None:
        """Wait for two frames: what was asked to be drawn is drawn."""
        await self.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    async def ask(self, expression: str) -> Any:
        """Return the value of an expression on the page."""
        result = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def until(self, expression: str) -> None:
        async with asyncio.timeout(_START):
            while not await self.ask(expression):
                await asyncio.sleep(0.01)

    async def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        for key in keys:
            text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
            await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)
        await self.settle()

    async def screenshot(self) -> str:
        """Return a PNG of what is seen, as base64."""
        return str((await self.call("Page.captureScreenshot"))["data"])


@asynccontextmanager
async def new_page(address: str) -> AsyncIterator[Page]:
    """Open a tab; it is closed after the block."""
    async with aiohttp.ClientSession() as http:
        async with http.put(f"{address}/json/new?about:blank") as reply:
            target = await reply.json(content_type=None)
        async with http.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            yield Page(socket)
        async with http.get(f"{address}/json/close/{target['id']}"):
            pass
