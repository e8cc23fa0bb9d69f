"""A plain CometD client for the streaming API: no more than the protocol asks for."""

import itertools

import requests


class Unauthorized(Exception):
    """The session is over: log in, and shake hands again."""


class Unknown(Exception):
    """The server knows the client no more: shake hands, and subscribe again."""


class Client:
    """One client id with its cookies. `patience` are the seconds after which a silent poll is taken for dead."""

    def __init__(self, instance, token, *, version="60.0", patience=120.0, name="order-mirror/1.0"):
        self.url = f"{instance}/cometd/{version}"
        self.patience = patience
        self.http = requests.Session()
        self.http.headers.update({"Authorization": f"Bearer {token}", "User-Agent": name})
        self.numbers = itertools.count(1)
        self.id = None

    def send(self, **message):
        """Send one message; return the events that came with the answer, and the answer."""
        message |= {"id": str(next(self.numbers))}
        if self.id is not None:
            message["clientId"] = self.id
        answer = self.http.post(self.url, json=[message], timeout=(3, self.patience))
        if answer.status_code == 401:
            raise Unauthorized(answer.text)
        answer.raise_for_status()
        told = answer.json()
        events = [one for one in told if "data" in one]
        (reply,) = [one for one in told if one["channel"] == message["channel"] and "data" not in one]
        if not reply["successful"]:
            error = reply.get("error", "")
            reason = reply.get("ext", {}).get("sfdc", {}).get("failureReason", "")
            if "401" in (error[:3], reason[:3]):
                raise Unauthorized(reason or error)
            if error.startswith("403::Unknown client"):
                raise Unknown(error)
        return events, reply

    def shake_hands(self):
        self.id = None
        _, reply = self.send(
            channel="/meta/handshake",
            version="1.0",
            minimumVersion="1.0",
            supportedConnectionTypes=["long-polling"],
            ext={"replay": True},
        )
        if not reply["successful"]:
            raise requests.RequestException(reply.get("error"))
        self.id = reply["clientId"]

    def subscribe(self, channel, replay):
        """Subscribe; return the error, None where it was granted."""
        _, reply = self.send(channel="/meta/subscribe", subscription=channel, ext={"replay": {channel: replay}})
        return None if reply["successful"] else reply["error"]

    def poll(self):
        """Wait for events."""
        events, _ = self.send(channel="/meta/connect", connectionType="long-polling")
        return events

    def leave(self):
        self.send(channel="/meta/disconnect")
