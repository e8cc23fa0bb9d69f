"""A correct integration: upserts in collections with `requests`, and `tenacity` decides when to try again."""

import json
import os
import random
import time
from datetime import UTC, datetime

import requests
from sync import DOUBTFUL, TRANSIENT, alert, read_inputs, seconds_of
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

ATTEMPTS, BASE, FACTOR, CAP, JITTER, TIMEOUT, BATCH = 6, 0.1, 2.0, 2.0, 0.5, 3, 200


class Stop(Exception):
    """Nothing more can be sent: the session is gone for good, or the calls of the day are spent."""


class Again(Exception):
    """Something failed in a way that passes."""

    def __init__(self, retry_after=0.0):
        super().__init__("to be tried again")
        self.retry_after = retry_after


def wait(state: RetryCallState) -> float:
    delay = min(CAP, BASE * FACTOR ** (state.attempt_number - 1)) * random.uniform(1 - JITTER, 1 + JITTER)
    return max(delay, state.outcome.exception().retry_after)


def patiently(work):
    """Call `work` until it raises Again no more, or the attempts are spent."""
    trying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait,
        sleep=time.sleep,
        retry=retry_if_exception_type(Again),
        retry_error_callback=lambda state: None,
    )
    trying(work)


class Org:
    """The session with Salesforce: one login when it has ended, errors by their code."""

    def __init__(self, env):
        self.env = env
        self.http = requests.Session()
        self.http.headers["Sforce-Call-Options"] = "client=contact-tenacity"
        self.token, self.instance = env["SF_ACCESS_TOKEN"], env["SF_INSTANCE_URL"]
        self.refused = ""

    def request(self, method, path, **options):
        """Return (status, code, message, body, seconds to wait) of one request."""
        url = f"{self.instance}/services/data/v{self.env['SF_API_VERSION']}/{path}"
        try:
            answer = self.http.request(
                method, url, headers={"Authorization": f"Bearer {self.token}"}, timeout=TIMEOUT, **options
            )
            retry_after = seconds_of(answer.headers.get("Retry-After", ""))
        except requests.RequestException as error:
            return 0, "CONNECTION_LOST", type(error).__name__, None, 0.0
        try:
            body = answer.json()
        except ValueError:
            if answer.status_code < 400:
                return answer.status_code, "CONNECTION_LOST", "the answer cannot be read", None, retry_after
            return answer.status_code, "SERVER_UNAVAILABLE", f"status {answer.status_code}", None, retry_after
        if answer.status_code < 300:
            return answer.status_code, "", "", body, retry_after
        (first, *_) = body
        return answer.status_code, first["errorCode"], first["message"], None, retry_after

    def call(self, method, path, **options):
        found = self.request(method, path, **options)
        if found[1] != "INVALID_SESSION_ID":
            return found
        self.login()
        return self.request(method, path, **options)

    def login(self):
        form = {
            "grant_type": "client_credentials",
            "client_id": self.env["SF_CLIENT_ID"],
            "client_secret": self.env["SF_CLIENT_SECRET"],
        }

        def once():
            try:
                answer = self.http.post(f"{self.env['SF_LOGIN_URL']}/services/oauth2/token", data=form, timeout=TIMEOUT)
            except requests.RequestException:
                raise Again from None
            if answer.status_code >= 500:
                raise Again(seconds_of(answer.headers.get("Retry-After", "")))
            if answer.status_code != 200:
                raise Stop("the session has ended, and the login is refused")
            told = answer.json()
            self.token, self.instance = told["access_token"], told["instance_url"]

        patiently(once)


class Batch:
    """Up to 200 records on their way. `causes` holds why each pending one has not landed yet."""

    def __init__(self, org, sobject, key_field, items, letters):
        self.org, self.sobject, self.key_field = org, sobject, key_field
        self.pending, self.letters = items, letters
        self.causes = {}
        self.attempts = 0

    def send(self):
        self.attempts += 1
        records = [{"attributes": {"type": self.sobject}, **item["record"]} for item in self.pending]
        for record, item in zip(records, self.pending, strict=True):
            record[self.key_field] = item["key"]
        path = f"composite/sobjects/{self.sobject}/{self.key_field}"
        try:
            _, code, message, results, retry_after = self.org.call(
                "PATCH", path, json={"allOrNone": False, "records": records}
            )
        except Stop as stop:
            self.fail("INVALID_SESSION_ID", str(stop))
            raise
        if results is None:
            self.fail(code, message)
            if code == "REQUEST_LIMIT_EXCEEDED" and "ConcurrentRequests" not in message:
                raise Stop(message)
            if code in TRANSIENT:
                raise Again(retry_after)
            return
        self.read(results)
        if any(self.causes[item["key"]][0] in TRANSIENT for item in self.pending):
            raise Again

    def fail(self, code, message):
        self.causes = {item["key"]: (code, message) for item in self.pending}

    def read(self, results):
        left = []
        for item, result in zip(self.pending, results, strict=True):
            if result["success"]:
                continue
            cause = result["errors"][0]["statusCode"], result["errors"][0]["message"]
            if cause[0] in TRANSIENT:
                left.append(item)
                self.causes[item["key"]] = cause
            else:
                self.letters.write(item, *cause, self.attempts)
        self.pending = left

    def bury(self):
        """Dead-letter what is left, but for the records that are there although nobody said so."""
        there = self.landed([item for item in self.pending if self.causes[item["key"]][0] in DOUBTFUL])
        for item in self.pending:
            if item["key"] not in there:
                self.letters.write(item, *self.causes[item["key"]], self.attempts)

    def landed(self, items):
        there = set()
        for start in range(0, len(items), 100):
            keys = ", ".join(f"'{item['key']}'" for item in items[start : start + 100])
            soql = f"SELECT {self.key_field} FROM {self.sobject} WHERE {self.key_field} IN ({keys})"

            def look(soql=soql):
                _, _, _, body, retry_after = self.org.call("GET", "query", params={"q": soql})
                if body is None:
                    raise Again(retry_after)
                there.update(row[self.key_field] for row in body["records"])

            patiently(look)
        return there


class Letters:
    def __init__(self, path):
        self.path, self.written = path, 0

    def write(self, item, code, message, attempts):
        letter = {
            "record": item["record"],
            "key": item["key"],
            "error": {"code": code, "message": message},
            "attempts": attempts,
            "failed_at": datetime.now(UTC).isoformat(),
        }
        with open(self.path, "a", encoding="utf-8") as queue:
            queue.write(json.dumps(letter) + "\n")
        self.written += 1


def main(env=os.environ):
    org, letters = Org(env), Letters(env["SFMOCK_DLQ"])
    groups, over = {}, None
    for item in read_inputs(env):
        groups.setdefault((item["sobject"], item["key_field"]), []).append(item)
    for (sobject, key_field), items in groups.items():
        for start in range(0, len(items), BATCH):
            batch = Batch(org, sobject, key_field, items[start : start + BATCH], letters)
            if over is None:
                try:
                    patiently(batch.send)
                except Stop as stop:
                    over = next(iter(batch.causes.values()), ("REQUEST_LIMIT_EXCEEDED", str(stop)))
            else:
                batch.fail(*over)
            batch.bury()
    alert(letters.written)


if __name__ == "__main__":
    main()
