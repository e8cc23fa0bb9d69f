"""Correct: a service that takes outbound messages, and callouts with the same in JSON. It keeps what has come, answers, and works it off behind that.

A message that comes again is answered and passed over; so is one that is older than what it has of the record.
"""

import json
import os
import queue
import signal
import sys
import threading
import xml.etree.ElementTree as xml
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
ACKNOWLEDGED = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notificationsResponse '
    'xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>{}</Ack></notificationsResponse></soapenv:Body>'
    "</soapenv:Envelope>"
)


class Receiver:
    def __init__(self):
        self.effects = Path(os.environ["SFMOCK_EFFECTS"])
        self.work = Path(os.environ["SFMOCK_WORKDIR"])
        self.lock = threading.Lock()
        self.inbox = queue.Queue()
        self.known = set()
        """Messages that were taken, by their ids."""
        self.newest = {}
        """The moment of the newest change of each record that was taken."""
        self.taken = self.work / "taken.jsonl"
        done = self.done()
        if self.taken.exists():
            for line in self.taken.read_text().splitlines():
                note = json.loads(line)
                self.remember(note)
                if note["message"] not in done:
                    self.inbox.put(note)

    def done(self):
        if not self.effects.exists():
            return set()
        return {json.loads(line)["message"] for line in self.effects.read_text().splitlines()}

    def remember(self, note):
        self.known.add(note["message"])
        self.newest[note["record"]] = max(note["at"], self.newest.get(note["record"], ""))

    def receive(self, note):
        """Take a notification in: kept on disk before it is acknowledged."""
        with self.lock:
            if note["message"] in self.known or note["at"] < self.newest.get(note["record"], ""):
                return
            with self.taken.open("a") as file:
                file.write(json.dumps(note) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self.remember(note)
        self.inbox.put(note)

    def work_off(self):
        while True:
            self.book(self.inbox.get())

    def book(self, note):
        with self.lock, self.effects.open("a") as file:
            file.write(json.dumps({"message": note["message"], "record": note["record"]}) + "\n")

    def serve(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told = "json" in self.headers["Content-Type"]
                for note in [json.loads(body)] if told else notes_of(body):
                    service.receive(note)
                answer = b"{}" if told else ACKNOWLEDGED.format("true").encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json" if told else "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["SFMOCK_SERVICE_PORT"])), Handler)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        threading.Thread(target=self.work_off, daemon=True).start()
        server.serve_forever()


def notes_of(body):
    """Return the notifications of an envelope: id, record, and when it was last changed."""
    found = []
    for notification in xml.fromstring(body).iter(f"{OUTBOUND}Notification"):
        record = notification.find(f"{OUTBOUND}sObject")
        values = {field.tag.rpartition("}")[2]: field.text for field in record}
        found.append(
            {
                "message": notification.find(f"{OUTBOUND}Id").text,
                "record": values["Id"],
                "at": values.get("SystemModstamp") or "",
            }
        )
    return found


if __name__ == "__main__":
    sys.exit(Receiver().serve())
