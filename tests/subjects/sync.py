"""An integration that delivers source rows to Salesforce: upserts in collections, retries, dead letters.

As it stands it is correct. The broken subjects override one hook each, and nothing else.
"""

import json
import os
import random
import sys
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError

TRANSIENT = {
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "CONNECTION_LOST",
    "PROCESSING_HALTED",
    "QUERY_TIMEOUT",
    "REQUEST_LIMIT_EXCEEDED",
    "REQUEST_RUNNING_TOO_LONG",
    "SERVER_UNAVAILABLE",
    "UNABLE_TO_LOCK_ROW",
    "UNKNOWN_EXCEPTION",
}


DOUBTFUL = {"CONNECTION_LOST", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION"}
"""After these nobody knows whether the work was done."""


class Failure(Exception):
    """A request that did not succeed: its error code, or a word of our own where Salesforce gave none."""

    def __init__(self, code, message, *, retry_after=0.0):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_after = retry_after


class LoginRefused(Failure):
    """The session has ended, and no new one is given."""


class Sync:
    attempts = 6
    base, factor, cap, jitter = 0.1, 2.0, 2.0, 0.5
    timeout = 3
    batch = 200
    doubtful = DOUBTFUL

    def __init__(self, env=os.environ):
        self.env = env
        self.http = requests.Session()
        self.http.verify = env.get("REQUESTS_CA_BUNDLE", True)
        self.http.trust_env = env is os.environ  # called as a function, it has an environment of its own
        self.http.headers["Sforce-Call-Options"] = "client=contact-sync"
        self.retry_after = 0.0
        self.over = None
        self.letters = 0
        self.redriven = {}
        self.lettered = None
        self.http.hooks["response"].append(self.note_retry_after)
        self.connect(env["SF_ACCESS_TOKEN"], env["SF_INSTANCE_URL"])

    # -- the session

    def connect(self, token, instance):
        self.client = Salesforce(
            instance_url=instance,
            session_id=token,
            version=self.env["SF_API_VERSION"],
            session=self.http,
        )

    def refresh(self):
        """Log in again with client credentials."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.env["SF_CLIENT_ID"],
            "client_secret": self.env["SF_CLIENT_SECRET"],
        }
        for attempt in range(1, self.attempts + 1):
            try:
                answer = self.http.post(
                    f"{self.env['SF_LOGIN_URL']}/services/oauth2/token", data=form, timeout=self.timeout
                )
                if answer.status_code == 200:
                    told = answer.json()
                    self.connect(told["access_token"], told["instance_url"])
                    return
                if answer.status_code < 500:
                    self.login_refused(answer.json().get("error_description", ""))
            except requests.RequestException:
                pass
            self.wait(attempt)
        raise Failure("INVALID_SESSION_ID", "the session has ended, and no new one was given")

    def login_refused(self, why):
        raise LoginRefused("INVALID_SESSION_ID", f"the session has ended, and the login is refused: {why}")

    def note_retry_after(self, response, **_):
        self.retry_after = seconds_of(response.headers.get("Retry-After", ""))

    # -- one request

    def call(self, method, path, **options):
        """Send one request; log in again once when the session has ended."""
        try:
            return self.exchange(method, path, **options)
        except Failure as failure:
            if failure.code != "INVALID_SESSION_ID":
                raise
            self.refresh()
            return self.exchange(method, path, **options)

    def exchange(self, method, path, **options):
        self.retry_after = 0.0
        try:
            return self.client.restful(path, method=method, timeout=self.timeout, **options)
        except SalesforceError as error:
            raise self.failure_of(error) from None
        except (requests.RequestException, ValueError) as error:
            raise Failure("CONNECTION_LOST", type(error).__name__) from None

    def failure_of(self, error):
        content = error.content
        if isinstance(content, list) and content and isinstance(content[0], dict):
            code, message = content[0].get("errorCode", "UNKNOWN"), content[0].get("message", "")
        elif error.status in (429, 500, 502, 503, 504):
            code, message = "SERVER_UNAVAILABLE", f"status {error.status}"
        else:
            code, message = f"HTTP_{error.status}", str(content)[:200]
        return Failure(code, message or code, retry_after=self.retry_after)

    def send(self, sobject, key_field, items):
        """Upsert up to 200 records; return one result a record."""
        records = [{"attributes": {"type": sobject}, key_field: item["key"], **item["record"]} for item in items]
        return self.call(
            "PATCH", f"composite/sobjects/{sobject}/{key_field}", json={"allOrNone": False, "records": records}
        )

    # -- delivery

    def is_transient(self, code):
        return code in TRANSIENT

    def is_the_end(self, failure):
        """Tell whether no other request can succeed either: the calls of the day are spent, or the login is refused."""
        daily = failure.code == "REQUEST_LIMIT_EXCEEDED" and "ConcurrentRequests" not in failure.message
        return daily or isinstance(failure, LoginRefused)

    def run(self, items):
        groups = {}
        for item in items:
            groups.setdefault((item["sobject"], item["key_field"]), []).append(item)
        for (sobject, key_field), group in groups.items():
            for start in range(0, len(group), self.batch):
                self.deliver(sobject, key_field, group[start : start + self.batch])

    def deliver(self, sobject, key_field, items):
        pending, causes, sent = items, {}, 0
        for attempt in range(1, self.attempts + 1):
            if attempt > 1:
                self.wait(attempt - 1)
            if self.over is not None:
                causes = {item["key"]: (self.over.code, self.over.message) for item in pending}
                break
            sent = attempt
            try:
                results = self.send(sobject, key_field, pending)
            except Failure as failure:
                self.log(failure)
                causes = {item["key"]: (failure.code, failure.message) for item in pending}
                if self.is_the_end(failure):
                    self.over = failure
                    break
                if not self.is_transient(failure.code):
                    break
                continue
            causes = self.causes_of(pending, results)
            for item in pending:
                if item["key"] in causes and not self.is_transient(causes[item["key"]][0]):
                    self.dead_letter(item, *causes[item["key"]], sent)
            pending = self.next_batch(pending, causes)
            if not pending:
                return
        for item in self.not_landed(sobject, key_field, pending, causes):
            self.dead_letter(item, *causes[item["key"]], sent)

    def causes_of(self, items, results):
        """Return the error of each record that was not saved; results come in the order of the records."""
        return {
            item["key"]: (result["errors"][0]["statusCode"], result["errors"][0]["message"])
            for item, result in zip(items, results, strict=True)
            if not result["success"]
        }

    def next_batch(self, items, causes):
        """Return the records to send again."""
        return [item for item in items if item["key"] in causes and self.is_transient(causes[item["key"]][0])]

    def not_landed(self, sobject, key_field, items, causes):
        """Leave out the records that are there although the answer never came."""
        doubtful = [item for item in items if causes[item["key"]][0] in self.doubtful]
        there = set()
        for start in range(0, len(doubtful), 100):
            keys = ", ".join("'" + str(item["key"]).replace("'", "\\'") + "'" for item in doubtful[start : start + 100])
            soql = f"SELECT {key_field} FROM {sobject} WHERE {key_field} IN ({keys})"
            for attempt in range(1, self.attempts + 1):
                try:
                    there.update(row[key_field] for row in self.call("GET", "query", params={"q": soql})["records"])
                    break
                except Failure as failure:
                    if self.is_the_end(failure):
                        break
                    self.wait(attempt)
        return [item for item in items if item["key"] not in there]

    def wait(self, attempt):
        delay = min(self.cap, self.base * self.factor ** (attempt - 1))
        time.sleep(max(self.retry_after, delay * random.uniform(1 - self.jitter, 1 + self.jitter)))

    # -- redrive

    def redrive(self, items):
        """Deliver again what is in the dead-letter queue; a letter leaves it once its record is there, or refused anew."""
        self.redriven = {letter["key"]: letter for letter in self.read_letters()}
        self.run(self.not_overtaken(items))
        self.take_out(self.redriven)

    def not_overtaken(self, items):
        """Leave out the records that were changed in Salesforce after their letters were written."""
        changed = {}
        for sobject, key_field in {(item["sobject"], item["key_field"]) for item in items}:
            keys = [item["key"] for item in items if item["sobject"] == sobject]
            for start in range(0, len(keys), 100):
                listed = ", ".join("'" + key.replace("'", "\\'") + "'" for key in keys[start : start + 100])
                soql = f"SELECT {key_field}, SystemModstamp FROM {sobject} WHERE {key_field} IN ({listed})"
                for row in self.look(soql):
                    changed[row[key_field]] = datetime.fromisoformat(row["SystemModstamp"])
        failed = {key: datetime.fromisoformat(letter["failed_at"]) for key, letter in self.redriven.items()}
        return [
            item
            for item in items
            if not changed.get(item["key"], datetime.min.replace(tzinfo=UTC)) > failed[item["key"]]
        ]

    def look(self, soql):
        """Return the records of a query."""
        for attempt in range(1, self.attempts):
            try:
                return self.call("GET", "query", params={"q": soql})["records"]
            except Failure as failure:
                if not self.is_transient(failure.code):
                    raise
                self.wait(attempt)
        return self.call("GET", "query", params={"q": soql})["records"]

    def read_letters(self):
        try:
            with open(self.env["SFMOCK_DLQ"], encoding="utf-8") as queue:
                return [json.loads(line) for line in queue]
        except FileNotFoundError:
            return []

    def take_out(self, letters):
        """Take letters out of the queue, by whole files, so that a crash leaves either all or none."""
        old = list(letters.values())
        left = [letter for letter in self.read_letters() if letter not in old]
        with open(self.env["SFMOCK_DLQ"] + ".new", "w", encoding="utf-8") as queue:
            queue.writelines(json.dumps(letter) + "\n" for letter in left)
        os.replace(self.env["SFMOCK_DLQ"] + ".new", self.env["SFMOCK_DLQ"])

    # -- what others see

    def log(self, failure):
        print(f"a request failed: {failure}", flush=True)

    def dead_letter(self, item, code, message, attempts):
        letter = {
            "record": item["record"],
            "key": item["key"],
            "error": {"code": code, "message": message},
            "attempts": attempts,
            "failed_at": datetime.now(UTC).isoformat(),
        }
        if item["key"] in self.redriven:
            before = self.redriven[item["key"]]
            letter["attempts"] += before["attempts"]
            letter["redrives"] = before.get("redrives", 0) + 1
        self.write_letter(letter)

    def write_letter(self, letter):
        if self.lettered is None:
            self.lettered = {old["key"] for old in self.read_letters()} - set(self.redriven)
        if letter["key"] in self.lettered:
            return  # of a run before: a crash must not make a second letter
        with open(self.env["SFMOCK_DLQ"], "a", encoding="utf-8") as queue:
            queue.write(json.dumps(letter) + "\n")
        self.letters += 1

    def alert(self):
        alert(self.letters)


def alert(letters):
    """Call for somebody, once a run."""
    if letters:
        print(f"ERROR: {letters} records dead-lettered", file=sys.stderr, flush=True)


def seconds_of(retry_after):
    """Read a Retry-After header: seconds, or a date."""
    if retry_after.isdigit():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0


def read_inputs(env):
    with open(env["SFMOCK_INPUTS"], encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main(kind, env=os.environ):
    sync = kind(env)
    if sys.argv[1:] == ["redrive"]:
        sync.redrive(read_inputs(env))
    else:
        sync.run(read_inputs(env))
    sync.alert()
