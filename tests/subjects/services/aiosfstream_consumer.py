"""Correct: the same mirror with aiosfstream-ng, which keeps replay markers behind the work (`MANUAL`)."""

import asyncio
import json
import os
import signal
import sys

import aiohttp
from aiosfstream_ng import Client, ReplayMarkerStoragePolicy, ReplayOption
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.exceptions import AiosfstreamException, ServerError
from aiosfstream_ng.replay import DefaultMappingStorage, ReplayMarker
from consumer import NAME, Consumer


class Credentials(AuthenticatorBase):
    async def _authenticate(self):
        form = {
            "grant_type": "client_credentials",
            "client_id": os.environ["SF_CLIENT_ID"],
            "client_secret": os.environ["SF_CLIENT_SECRET"],
        }
        async with (
            aiohttp.ClientSession(headers={"User-Agent": NAME}) as http,
            http.post(f"{os.environ['SF_LOGIN_URL']}/services/oauth2/token", data=form) as answer,
        ):
            return answer.status, await answer.json()


class Markers(dict):
    """A mapping that is a file."""

    def __init__(self, file):
        super().__init__()
        self.file = file
        if file.exists():
            super().update({channel: ReplayMarker(*kept) for channel, kept in json.loads(file.read_text()).items()})

    def __setitem__(self, channel, marker):
        super().__setitem__(channel, marker)
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(self))
        fresh.replace(self.file)


class Library(Consumer):
    policy = ReplayMarkerStoragePolicy.MANUAL

    def run(self):
        asyncio.run(self.live())

    async def live(self):
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        loop.add_signal_handler(signal.SIGTERM, me.cancel)
        self.channels = self.find_channels()
        storage = DefaultMappingStorage(Markers(self.notes.with_name("markers.json")), default_id=-2)
        try:
            while True:
                try:
                    await self.listen(storage)
                except AiosfstreamException as error:
                    print(f"{type(error).__name__}: {error}", flush=True)
                    await asyncio.sleep(self.wait)
        except asyncio.CancelledError:
            return

    async def listen(self, storage):
        async with Client(
            Credentials(), replay=storage, replay_storage_policy=self.policy, connection_timeout=2
        ) as client:
            for channel in self.channels:
                try:
                    await client.subscribe(channel)
                except ServerError as error:
                    if "replayId" not in (error.error_message or ""):
                        raise
                    # Its `replay_fallback` would do this much, and read nothing of what is retained no more.
                    storage.replay_fallback = ReplayOption.ALL_EVENTS
                    await client.subscribe(channel)
                    self.resync()
            async for message in client:
                await self.take_one(storage, message)

    async def take_one(self, storage, message):
        async with storage(message):
            self.work(message["data"])


if __name__ == "__main__":
    sys.exit(Library().run())
