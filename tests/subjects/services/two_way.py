"""Correct: keeps a field up to date in both directions, and knows its own writes when they come back."""

import requests
from consumer import NAME, Consumer


class TwoWay(Consumer):
    def __init__(self):
        super().__init__()
        self.me = None

    def own(self, header):
        if self.me is None:
            answer = requests.get(
                f"{self.instance}/services/oauth2/userinfo",
                headers={"Authorization": f"Bearer {self.token}", "User-Agent": NAME},
                timeout=30,
            )
            self.me = answer.json()["user_id"]
        return header["commitUser"][:15] == self.me[:15]

    def apply(self, data):
        header = data["payload"]["ChangeEventHeader"]
        if not self.own(header) and header["changeType"] in ("CREATE", "UPDATE"):
            for record in header["recordIds"]:
                self.write(record, data)

    def write(self, record, data):
        answer = requests.patch(
            f"{self.instance}/services/data/v60.0/sobjects/Account/{record}",
            json={"Description": f"mirrored, change {len(self.done)}"},
            headers={"Authorization": f"Bearer {self.token}", "User-Agent": NAME},
            timeout=30,
        )
        answer.raise_for_status()


if __name__ == "__main__":
    TwoWay().run()
