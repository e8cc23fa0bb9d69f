"""Correct: a mirror that lives on events, by plain CometD.

It handles each event once, in order; keeps its replay id behind the work; begins with all there is where it has none;
looks up what a gap leaves out, and what lies behind a replay id that is good no more; and comes back by itself.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import requests
from bayeux import Client, Unauthorized, Unknown

CHANNELS = {"Order__e": "/event/Order__e", "Account": "/data/AccountChangeEvent"}
"""What it subscribes to, where the org has the object."""
NAME = "order-mirror/1.0"


class Stopped(BaseException):
    """Somebody asked it to end (SIGTERM)."""


class Consumer:
    patience = 120.0
    wait = 0.05
    longest = 0.4

    def __init__(self):
        self.instance = os.environ["SF_INSTANCE_URL"]
        self.token = os.environ["SF_ACCESS_TOKEN"]
        self.effects = Path(os.environ["SFMOCK_EFFECTS"])
        self.notes = Path(os.environ["SFMOCK_WORKDIR"]) / "replay.json"
        self.kept = json.loads(self.notes.read_text()) if self.notes.exists() else {}
        self.done = set()
        if self.effects.exists():
            for line in self.effects.read_text().splitlines():
                self.done.add(self.name_of(json.loads(line)["event"]))
        self.working = self.stopped = False

    # -- its life

    def run(self):
        signal.signal(signal.SIGTERM, self.stop)
        wait = self.wait
        try:
            self.channels = self.find_channels()
            while True:
                try:
                    self.connect()
                    wait = self.wait
                    while True:
                        self.take(self.client.poll())
                except Unauthorized:
                    self.log_in()
                except Unknown as forgotten:
                    self.forgotten(forgotten)
                except requests.RequestException as error:
                    print(f"connection broken ({type(error).__name__}), again in {wait}s", flush=True)
                    time.sleep(wait)
                    wait = min(wait * 2, self.longest)
        except Stopped:
            self.end()

    def stop(self, *_):
        self.stopped = True
        if not self.working:
            raise Stopped

    def end(self):
        """Leave in good order."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with contextlib.suppress(Exception):
            self.client.leave()

    def forgotten(self, error):
        print(f"{error}: shaking hands again", flush=True)

    def log_in(self):
        form = {
            "grant_type": "client_credentials",
            "client_id": os.environ["SF_CLIENT_ID"],
            "client_secret": os.environ["SF_CLIENT_SECRET"],
        }
        answer = requests.post(
            f"{os.environ['SF_LOGIN_URL']}/services/oauth2/token", data=form, headers={"User-Agent": NAME}, timeout=30
        )
        answer.raise_for_status()
        self.token = answer.json()["access_token"]

    # -- the REST API

    def get(self, path, **parameters):
        while True:
            answer = requests.get(
                f"{self.instance}/services/data/v60.0/{path}",
                params=parameters,
                headers={"Authorization": f"Bearer {self.token}", "User-Agent": NAME},
                timeout=30,
            )
            if answer.status_code != 401:
                return answer
            self.log_in()

    def find_channels(self):
        found = {one["name"] for one in self.get("sobjects").json()["sobjects"]}
        return [channel for name, channel in CHANNELS.items() if name in found]

    # -- subscriptions

    def connect(self):
        self.client = Client(self.instance, self.token, patience=self.patience, name=NAME)
        self.client.shake_hands()
        for channel in self.channels:
            error = self.client.subscribe(channel, self.position(channel))
            if error and "replayId" in error:
                self.lost_position(channel)
            elif error:
                print(f"{channel}: {error}", flush=True)

    def position(self, channel):
        return self.kept.get(channel, -2)

    def lost_position(self, channel):
        """Begin with what is retained, and read what is not."""
        self.kept.pop(channel, None)
        self.client.subscribe(channel, -2)
        self.resync()

    def resync(self):
        """Read what the org holds: events tell no more how it came to be so."""
        if "/data/AccountChangeEvent" in self.channels:
            self.get("query", q="SELECT Id, Name, SystemModstamp FROM Account ORDER BY SystemModstamp")

    # -- events

    def take(self, messages):
        for message in messages:
            self.working = True
            self.handle(message["channel"], message["data"])
            self.working = False
            if self.stopped:
                raise Stopped

    def handle(self, channel, data):
        self.work(data)
        self.keep(channel, data["event"]["replayId"])

    def work(self, data):
        name = self.named(data)
        if self.name_of(name) in self.done:
            return
        header = data["payload"].get("ChangeEventHeader")
        if header and header["changeType"].startswith("GAP_"):
            self.fill(header)
        else:
            self.apply(data)
        self.note(name)

    def apply(self, data):
        """Where the work would be done."""
        time.sleep(0.01)

    def note(self, name):
        with self.effects.open("a") as file:
            file.write(json.dumps({"event": name}) + "\n")
        self.done.add(self.name_of(name))

    def fill(self, header):
        """Look up what a gap event does not tell."""
        if header["changeType"] == "GAP_OVERFLOW":
            self.resync()
        elif header["changeType"] != "GAP_DELETE":
            for record in header["recordIds"]:
                self.get(f"sobjects/{header['entityName']}/{record}")

    def keep(self, channel, replay_id):
        self.kept[channel] = replay_id
        self.write_notes()

    def write_notes(self):
        fresh = self.notes.with_suffix(".new")
        fresh.write_text(json.dumps(self.kept))
        fresh.replace(self.notes)

    @staticmethod
    def named(data):
        """Return what tells an event from others."""
        header = data["payload"].get("ChangeEventHeader")
        if header:
            return {"transactionKey": header["transactionKey"], "sequenceNumber": header["sequenceNumber"]}
        return data["event"]["EventUuid"]

    @staticmethod
    def name_of(name):
        return name if isinstance(name, str) else f"{name['transactionKey']}/{name['sequenceNumber']}"


if __name__ == "__main__":
    sys.exit(Consumer().run())
