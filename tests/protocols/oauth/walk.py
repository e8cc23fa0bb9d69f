"""A browser without a screen: follows redirects, keeps cookies, fills in forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from mock_server.operations import Reply
from tests.protocols.desk import FORM, Desk

AUTHORIZE = "/services/oauth2/authorize"
TOKEN = "/services/oauth2/token"
CALLBACK = "http://localhost:1717/OauthRedirect"
USER, PASSWORD = "integration@sfmock.test", "sfmock-password"
CLIENT = {"client_id": "sfmock-client-id", "client_secret": "sfmock-client-secret"}


class _Forms(HTMLParser):
    """Reads a page's first form, its texts, and every address it mentions."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.buttons: dict[str, str] = {}
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self.links += [value for name in ("href", "src", "action") if (value := given.get(name))]
        if tag == "form":
            self.action = given.get("action")
        if tag == "input" and given.get("name"):
            kept = self.buttons if given.get("type") == "submit" else self.fields
            kept[given["name"] or ""] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read_forms(html: str) -> _Forms:
    """Take a page apart."""
    parser = _Forms()
    parser.feed(html)
    return parser


@dataclass
class Page:
    """What a browser has come to; `url` is where, whole when it lies elsewhere."""

    url: str
    reply: Reply

    @property
    def forms(self) -> _Forms:
        return read_forms(self.reply.body.decode())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.forms.text).split())

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def fragment(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).fragment, keep_blank_values=True))


@dataclass
class Walker:
    """Walks the pages of a desk's server as a browser would."""

    desk: Desk
    base: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    def go(self, method: str, target: str, fields: dict[str, str] | None = None, **headers: str) -> Page:
        """Send a request, and follow redirects as far as they stay on this server."""
        body = urlencode(fields).encode() if fields is not None else b""
        for _ in range(10):
            if self.cookies:
                headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            if body:
                headers["Content-Type"] = FORM
            reply = self.desk.send(method, target, body, headers, self.base)
            self._keep(reply.headers.get("Set-Cookie"))
            if reply.status != 302:
                return Page(target, reply)
            assert reply.body == b""
            target = reply.headers["Location"]
            if not target.startswith("/"):
                return Page(target, reply)
            method, body = "GET", b""
            headers.pop("Content-Type", None)
        raise AssertionError("redirects without end")

    def _keep(self, header: str | None) -> None:
        if header is None:
            return
        pair, *_ = header.split(";")
        name, _, value = pair.partition("=")
        if value:
            self.cookies[name] = value
        else:
            self.cookies.pop(name, None)

    def authorize(self, **changes: Any) -> Page:
        """Ask for authorization; a change to None leaves a parameter out."""
        usual = {"response_type": "code", "client_id": CLIENT["client_id"], "redirect_uri": CALLBACK, "state": "s1"}
        fields = {name: value for name, value in {**usual, **changes}.items() if value is not None}
        return self.go("GET", f"{AUTHORIZE}?{urlencode(fields)}")

    def submit(self, page: Page, button: str, **changes: str) -> Page:
        """Fill in a page's form and press one of its buttons."""
        forms = page.forms
        assert forms.action is not None, page.text
        return self.go("POST", forms.action, {**forms.fields, **changes, button: forms.buttons[button]})

    def log_in(self, page: Page, username: str = USER, password: str = PASSWORD) -> Page:
        return self.submit(page, "Login", username=username, pw=password)

    def through(self, **changes: Any) -> Page:
        """Authorize, log in, allow; return where the browser ends up."""
        page = self.authorize(**changes)
        if "username" in page.forms.fields:
            page = self.log_in(page)
        return self.submit(page, "save") if "save" in page.forms.buttons else page

    def code(self, **changes: Any) -> str:
        return parse_qs(urlsplit(self.through(**changes).url).query)["code"][0]
