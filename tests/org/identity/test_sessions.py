"""Sessions and refresh tokens: their form, their life, their end."""

from __future__ import annotations

import re

import pytest

from mock_server.org.identity import sessions
from mock_server.org.identity.apps import SCOPES
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org


@pytest.fixture
def org() -> Org:
    made = Org(1, clock="virtual")
    made.directory.seed()
    return made


def opened(org: Org) -> Session:
    return org.sessions.open(org.directory.default_user, org.directory.default_app, SCOPES)


def test_a_token_begins_with_the_orgs_15_character_id(org: Org) -> None:
    session = opened(org)
    assert re.fullmatch(r"00D[0-9A-Za-z]{12}![0-9A-Za-z._]{96}", session.token)
    assert session.token.startswith(org.id[:15] + "!")
    assert session.token != opened(org).token


def test_use_keeps_a_session_alive(org: Org) -> None:
    session = opened(org)
    for _ in range(5):
        org.clock.advance(7_000)
        assert org.sessions.find(session.token) is session


def test_two_idle_hours_end_a_session_to_the_second(org: Org) -> None:
    session = opened(org)
    org.clock.advance(7_200)
    assert org.sessions.find(session.token) is session
    org.clock.advance(7_201)
    assert org.sessions.find(session.token) is None
    assert org.sessions.find(session.token) is None


def test_looking_at_a_session_does_not_use_it(org: Org) -> None:
    session = opened(org)
    org.clock.advance(7_000)
    assert org.sessions.peek(session.token) is session
    org.clock.advance(201)
    assert org.sessions.find(session.token) is None


def test_one_session_or_all_expire(org: Org) -> None:
    first, second, third = (opened(org).token for _ in range(3))
    assert org.sessions.expire(first) == 1
    assert org.sessions.expire(first) == 0
    assert org.sessions.find(first) is None
    assert org.sessions.find(second) is not None
    assert org.sessions.expire() == 2
    assert org.sessions.find(second) is None
    assert org.sessions.find(third) is None


def test_an_expired_session_leaves_the_refresh_token_good(org: Org) -> None:
    grant = org.sessions.grant(org.directory.default_user, org.directory.default_app, SCOPES)
    opened(org)
    org.sessions.expire()
    assert grant.token.startswith("5Aep861")
    assert org.sessions.granted(grant.token) is grant


def test_a_revoked_refresh_token_takes_its_sessions_along(org: Org) -> None:
    grant = org.sessions.grant(org.directory.default_user, org.directory.default_app, SCOPES)
    token = opened(org).token
    soap = org.sessions.open(org.directory.default_user, None, SCOPES).token
    assert org.sessions.revoke(grant.token)
    assert org.sessions.granted(grant.token) is None
    assert org.sessions.find(token) is None
    assert org.sessions.find(soap) is not None
    assert not org.sessions.revoke(grant.token)


def test_dead_sessions_do_not_pile_up(org: Org) -> None:
    for _ in range(2_500):
        opened(org)
        org.clock.advance(60)
    assert len(org.sessions._live) <= 7_200 / 60 + sessions._SWEEP_EVERY + 1
