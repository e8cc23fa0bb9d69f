"""A correct integration: one upsert a record with httpx, eight at a time, on asyncio."""

import asyncio
import json
import os
import random
import time
from datetime import UTC, datetime

import httpx
from sync import DOUBTFUL, TRANSIENT, alert, read_inputs, seconds_of

ATTEMPTS, BASE, FACTOR, CAP, JITTER, TIMEOUT, WORKERS = 6, 0.1, 2.0, 2.0, 0.5, 3.0, 8


class Failure(Exception):
    def __init__(self, code, message, retry_after=0.0):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.retry_after = code, message, retry_after


class Delivery:
    def __init__(self, env, http):
        self.env, self.http = env, http
        self.token, self.instance = env["SF_ACCESS_TOKEN"], env["SF_INSTANCE_URL"]
        self.renewing = asyncio.Lock()
        self.quiet_until = 0.0
        self.letters = 0
        self.over = None
        """The failure after which no request can succeed any more."""
        self.letters = 0

    # -- requests

    async def request(self, method, path, token, **options):
        url = f"{self.instance}/services/data/v{self.env['SF_API_VERSION']}/{path}"
        headers = {"Authorization": f"Bearer {token}", "Sforce-Call-Options": "client=contact-async"}
        try:
            answer = await self.http.request(method, url, headers=headers, **options)
        except httpx.HTTPError as error:
            raise Failure("CONNECTION_LOST", type(error).__name__) from None
        return self.read(answer)

    def read(self, answer):
        """Return the body of a good answer; raise what a bad one says."""
        retry_after = seconds_of(answer.headers.get("Retry-After", ""))
        try:
            body = answer.json() if answer.content else None
        except ValueError:
            body = None
            if answer.status_code < 400:
                raise Failure("CONNECTION_LOST", "the answer cannot be read") from None
        if answer.status_code < 300:
            return body
        if isinstance(body, list) and body:
            raise Failure(body[0]["errorCode"], body[0]["message"], retry_after)
        raise Failure("SERVER_UNAVAILABLE", f"status {answer.status_code}", retry_after)

    async def call(self, method, path, **options):
        token = self.token
        try:
            return await self.request(method, path, token, **options)
        except Failure as failure:
            if failure.code != "INVALID_SESSION_ID":
                raise
        await self.renew(token)
        return await self.request(method, path, self.token, **options)

    async def renew(self, dead):
        """Log in once, whichever of the workers comes first."""
        async with self.renewing:
            if self.token != dead:
                return
            if self.over is not None:
                raise self.over
            form = {
                "grant_type": "client_credentials",
                "client_id": self.env["SF_CLIENT_ID"],
                "client_secret": self.env["SF_CLIENT_SECRET"],
            }
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    answer = await self.http.post(f"{self.env['SF_LOGIN_URL']}/services/oauth2/token", data=form)
                except httpx.HTTPError:
                    answer = None
                if answer is not None and answer.status_code == 200:
                    told = answer.json()
                    self.token, self.instance = told["access_token"], told["instance_url"]
                    return
                if answer is not None and answer.status_code < 500:
                    break
                await self.pause(attempt)
            self.over = Failure("INVALID_SESSION_ID", "the session has ended, and the login is refused")
            raise self.over

    async def pause(self, attempt, retry_after=0.0):
        delay = min(CAP, BASE * FACTOR ** (attempt - 1)) * random.uniform(1 - JITTER, 1 + JITTER)
        self.quiet_until = max(self.quiet_until, time.monotonic() + retry_after)
        await asyncio.sleep(max(delay, retry_after))

    async def quiet(self):
        """Wait as long as any answer has asked all of us to."""
        while (left := self.quiet_until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    # -- records

    async def deliver(self, item):
        failure, sent = self.over, 0
        for attempt in range(1, ATTEMPTS + 1):
            await self.quiet()
            if self.over is not None:
                failure = self.over
                break
            sent = attempt
            try:
                await self.upsert(item)
                return
            except Failure as raised:
                failure = raised
            if failure.code == "REQUEST_LIMIT_EXCEEDED" and "ConcurrentRequests" not in failure.message:
                self.over = failure
                break
            if failure.code not in TRANSIENT or attempt == ATTEMPTS:
                break
            await self.pause(attempt, failure.retry_after)
        if failure.code in DOUBTFUL and await self.landed(item):
            return
        self.dead_letter(item, failure, sent)

    async def upsert(self, item):
        record = {name: value for name, value in item["record"].items() if name != item["key_field"]}
        await self.call("PATCH", f"sobjects/{item['sobject']}/{item['key_field']}/{item['key']}", json=record)

    async def landed(self, item):
        soql = f"SELECT Id FROM {item['sobject']} WHERE {item['key_field']} = '{item['key']}'"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return bool((await self.call("GET", "query", params={"q": soql}))["records"])
            except Failure as failure:
                if self.over is not None:
                    break
                if attempt < ATTEMPTS:
                    await self.pause(attempt, failure.retry_after)
        return False

    def dead_letter(self, item, failure, attempts):
        letter = {
            "record": item["record"],
            "key": item["key"],
            "error": {"code": failure.code, "message": failure.message},
            "attempts": attempts,
            "failed_at": datetime.now(UTC).isoformat(),
        }
        with open(self.env["SFMOCK_DLQ"], "a", encoding="utf-8") as queue:
            queue.write(json.dumps(letter) + "\n")
        self.letters += 1


async def run(env):
    queue = asyncio.Queue()
    for item in read_inputs(env):
        queue.put_nowait(item)
    verify = env.get("SSL_CERT_FILE", True) if env["SF_INSTANCE_URL"].startswith("https") else True
    if verify is not True:
        import ssl

        verify = ssl.create_default_context(cafile=verify)
    async with httpx.AsyncClient(timeout=TIMEOUT, verify=verify, trust_env=False) as http:
        delivery = Delivery(env, http)

        async def work():
            while not queue.empty():
                await delivery.deliver(queue.get_nowait())

        await asyncio.gather(*(work() for _ in range(WORKERS)))
        alert(delivery.letters)
    alert(delivery.letters)


def main(env=os.environ):
    asyncio.run(run(env))


if __name__ == "__main__":
    main()
