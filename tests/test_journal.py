"""The journal of a long exchange: what a stream carries for hours does not grow without end."""

from __future__ import annotations

from mock_server.journal import Entry, Journal
from mock_server.org.records.changes import Change, RowResult


def opened(journal: Journal) -> Entry:
    return journal.open(0.0, "pubsub.publish_stream", "GRPC", "/", "", b"")


def step(journal: Journal, entry: Entry, number: int, count: int = 10) -> None:
    changes = [Change("create", "Order__e", {"N__c": number * count + at}) for at in range(count)]
    journal.rows(entry, changes, [RowResult(f"{one.values['N__c']}", True) for one in changes])


def test_a_bounded_journal_keeps_the_newest_rows_of_a_stream_with_their_results() -> None:
    journal = Journal(keep=10, keep_rows=100)
    entry = opened(journal)
    for number in range(1000):
        step(journal, entry, number)
    assert 100 <= len(entry.changes) <= 200
    assert entry.changes[-1].values == {"N__c": 9999}
    assert [row.id for row in entry.results] == [str(change.values["N__c"]) for change in entry.changes]
    assert list(journal) == [entry]


def test_a_whole_journal_keeps_all_of_them() -> None:
    journal = Journal(keep=None, keep_rows=100)
    entry = opened(journal)
    for number in range(100):
        step(journal, entry, number)
    assert [change.values["N__c"] for change in entry.changes] == list(range(1000))


def test_the_rows_of_an_exchange_that_is_kept_no_more_drive_out_nobody() -> None:
    journal = Journal(keep=2, keep_rows=100)
    stream = opened(journal)
    others = [opened(journal), opened(journal)]
    for number in range(100):
        step(journal, stream, number)
    assert list(journal) == others


def test_what_a_caller_brought_stays_its_own() -> None:
    journal = Journal()
    entry = opened(journal)
    mine = [Change("create", "Order__e")]
    journal.rows(entry, mine, [RowResult("1", True)])
    step(journal, entry, 0)
    assert len(mine) == 1
    assert len(entry.changes) == 11
