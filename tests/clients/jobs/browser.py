"""A browser without a screen: opens an address, logs its user in, allows what is asked, follows where it is sent.

python -m tests.clients.jobs.browser ADDRESS USERNAME PASSWORD
"""

from __future__ import annotations

import sys
from urllib.parse import urljoin

import requests

from tests.protocols.oauth.walk import read_forms


def walk(address: str, username: str, password: str) -> None:
    """Go on until a page asks for nothing."""
    with requests.Session() as http:
        http.trust_env = False
        reply = http.get(address, timeout=30)
        for button in ("Login", "save"):
            forms = read_forms(reply.text)
            if button not in forms.buttons:
                continue
            own = {"username": username, "pw": password} if button == "Login" else {}
            data = {**forms.fields, **own, button: forms.buttons[button]}
            reply = http.post(urljoin(reply.url, forms.action or ""), data=data, timeout=60)


if __name__ == "__main__":
    walk(*sys.argv[1:4])
