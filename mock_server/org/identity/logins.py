"""What a user needs to log in besides the User record: a name that is one, and a UserLogin that may freeze him."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mock_server.org.ids import number_of, to_18

if TYPE_CHECKING:
    from mock_server.org.identity.access import Accesses
    from mock_server.org.records.store import Store

_USERNAME = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]+")
LONGEST_USERNAME = 80


def is_username(text: str) -> bool:
    """Tell whether a text has the form of an email address, as usernames must."""
    return len(text) <= LONGEST_USERNAME and _USERNAME.fullmatch(text) is not None


def login_id(user_id: str) -> str:
    """Return the id of a user's UserLogin: the same number, so that it need not be looked up."""
    found = to_18("0Yw" + user_id[3:15])
    assert found is not None
    assert number_of(found) == number_of(user_id)
    return found


def add(accesses: Accesses, store: Store, user_ids: Iterable[str]) -> None:
    """Write the UserLogin records of new users, where anybody has looked at such records yet."""
    sobject = accesses.schema.get("UserLogin")
    if sobject is not None and store.exists(sobject):
        store.put_many(sobject, rows(user_ids))


def rows(user_ids: Iterable[str]) -> list[dict[str, object]]:
    return [{"Id": login_id(one), "UserId": one, "IsFrozen": 0, "IsPasswordLocked": 0} for one in user_ids]
