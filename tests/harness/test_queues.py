"""Dead letters are found in files, tables, Redis and functions alike, and a queue that cannot be read is refused."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from fakeredis import TcpFakeServer

from harness.letters import (
    BrokenLetter,
    FunctionQueue,
    JsonlQueue,
    Letter,
    LetterMap,
    QueueError,
    QueueReader,
    as_queue,
    compile_path,
    open_queue,
)

RECORD = {"LastName": "Ada", "External_Id__c": "C-1"}
ERROR = {"code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain"}
WHOLE = {"record": RECORD, "key": "C-1", "error": ERROR, "attempts": 6, "failed_at": "2026-03-01T10:00:00Z"}
MAPPED = LetterMap(**{part: compile_path(path) for part, path in {"record": "$.payload", "error": "$.why"}.items()})


@pytest.fixture(scope="module")
def redis_server() -> Iterator[tuple[str, redis.Redis]]:
    server = TcpFakeServer(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    port = server.server_address[1]
    client = redis.Redis(port=port, db=0)
    yield f"redis://127.0.0.1:{port}/0", client
    client.close()
    server.shutdown()
    server.server_close()


def table(path: Path, columns: str, *rows: tuple[Any, ...], name: str = "dead_letters") -> str:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE {name} ({columns})")
    for row in rows:
        connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}#{name}"


def csv_file(path: Path, *rows: list[Any]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return str(path)


FLAT = ("record", "key", "error_code", "error_message", "attempts", "failed_at")
ROW = (json.dumps(RECORD), "C-1", ERROR["code"], ERROR["message"], 6, "2026-03-01T10:00:00Z")


def in_jsonl(folder: Path, _: Any) -> str:
    (folder / "q.jsonl").write_text(json.dumps(WHOLE) + "\n")
    return str(folder / "q.jsonl")


def in_csv(folder: Path, _: Any) -> str:
    return csv_file(folder / "q.csv", list(FLAT), list(ROW))


def in_csv_with_json(folder: Path, _: Any) -> str:
    texts = [json.dumps(value) if isinstance(value, dict) else value for value in WHOLE.values()]
    csv_file(folder / "letters", list(WHOLE), texts)
    return f"csv:{folder}/letters"


def in_a_table(folder: Path, _: Any) -> str:
    return table(folder / "q.db", "record TEXT, key TEXT, error_code, error_message, attempts INT, failed_at TEXT", ROW)


def in_a_redis_list(_: Path, server: tuple[str, redis.Redis]) -> str:
    server[1].rpush("list", json.dumps(WHOLE))
    return f"{server[0]}/list"


def in_a_redis_stream(_: Path, server: tuple[str, redis.Redis]) -> str:
    server[1].xadd("stream", dict(zip(FLAT, ROW, strict=True)))
    return f"{server[0]}/stream"


def in_a_redis_stream_of_one_field(_: Path, server: tuple[str, redis.Redis]) -> str:
    server[1].xadd("dead%letters/1", {"data": json.dumps(WHOLE)})
    return f"{server[0]}/dead%25letters/1"


def in_a_redis_hash(_: Path, server: tuple[str, redis.Redis]) -> str:
    server[1].hset("hash", "C-1", json.dumps({name: part for name, part in WHOLE.items() if name != "key"}))
    return f"{server[0]}/hash"


def in_a_redis_set(_: Path, server: tuple[str, redis.Redis]) -> str:
    server[1].sadd("set", json.dumps(WHOLE))
    server[1].zadd("zset", {json.dumps(WHOLE): 1.0})
    assert len(open_queue(f"{server[0]}/zset").read()) == 1
    return f"{server[0]}/set"


@pytest.mark.parametrize(
    "place",
    [
        in_jsonl,
        in_csv,
        in_csv_with_json,
        in_a_table,
        in_a_redis_list,
        in_a_redis_stream,
        in_a_redis_stream_of_one_field,
        in_a_redis_hash,
        in_a_redis_set,
    ],
)
def test_a_letter_says_the_same_wherever_it_is(
    place: Callable[..., str], tmp_path: Path, redis_server: tuple[str, redis.Redis]
) -> None:
    (letter,) = open_queue(place(tmp_path, redis_server)).read()
    assert isinstance(letter, Letter)
    assert (letter.record, letter.key, letter.attempts, letter.failed_at) == (RECORD, "C-1", 6, WHOLE["failed_at"])
    assert (letter.error_code, letter.error_message) == (ERROR["code"], ERROR["message"])
    assert "C-1" in letter.raw


@pytest.mark.parametrize("given", [[WHOLE], (WHOLE,), [json.dumps(WHOLE)], [json.dumps(WHOLE).encode()]])
def test_a_function_returns_letters(given: Any) -> None:
    (letter,) = as_queue(lambda: given).read()
    assert isinstance(letter, Letter) and letter.record == RECORD and letter.attempts == 6


def test_an_object_that_can_be_read_is_a_queue() -> None:
    class Queue:
        def read(self) -> Any:
            yield {"payload": RECORD, "why": "A_B: c"}

    (letter,) = QueueReader(as_queue(Queue(), MAPPED), MAPPED).read()
    assert isinstance(letter, Letter)
    assert (letter.record, letter.error_code, letter.error_message) == (RECORD, "A_B", "c")


SHAPED = {"payload": json.dumps(RECORD), "why": "A_B: c"}


@pytest.mark.parametrize(
    "place",
    [
        lambda folder, _: csv_file(folder / "q.csv", list(SHAPED), list(SHAPED.values())),
        lambda folder, _: table(folder / "q.db", "payload, why", tuple(SHAPED.values())),
        lambda _, server: [server[1].rpush("mapped", json.dumps(SHAPED)), f"{server[0]}/mapped"][1],
        lambda _, server: [server[1].xadd("mapped-stream", dict(SHAPED)), f"{server[0]}/mapped-stream"][1],
        lambda *_: lambda: [SHAPED],
    ],
)
def test_the_mapping_of_a_scenario_serves_every_kind(
    place: Callable[..., Any], tmp_path: Path, redis_server: tuple[str, redis.Redis]
) -> None:
    (letter,) = as_queue(place(tmp_path, redis_server), MAPPED).read()
    assert isinstance(letter, Letter)
    assert (letter.record, letter.error_code, letter.error_message) == (RECORD, "A_B", "c")


def test_a_queue_keeps_the_mapping_of_its_own(tmp_path: Path) -> None:
    own = LetterMap(key=("k",))
    assert as_queue(JsonlQueue(tmp_path / "q", own), MAPPED) == JsonlQueue(tmp_path / "q", own)
    assert as_queue(JsonlQueue(tmp_path / "q"), MAPPED) == JsonlQueue(tmp_path / "q", MAPPED)


def test_the_row_itself_can_be_the_record(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "q.csv", ["External_Id__c", "LastName", "sf__Error"], ["007", "", "A_B:c:--"])
    (letter,) = open_queue(path, LetterMap(record=(), key=("External_Id__c",), error=("sf__Error",))).read()
    assert isinstance(letter, Letter)
    assert (letter.key, letter.error_code) == ("007", "A_B")
    assert letter.record == {"External_Id__c": "007", "LastName": "", "sf__Error": "A_B:c:--"}


@pytest.mark.parametrize("text", ["", "\n", "\ufeff"])
def test_an_empty_csv_file_holds_no_letters(tmp_path: Path, text: str) -> None:
    (tmp_path / "q.csv").write_text(text)
    assert open_queue(tmp_path / "q.csv").read() == []
    assert open_queue(tmp_path / "not there.csv").read() == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_as_it_was_written(tmp_path: Path, delimiter: str) -> None:
    text = (
        delimiter.join(["key", "error_message"])
        + "\r\n"
        + delimiter.join(["K", '"a ""b""\r\nc, d; e\tf\0"'])
        + "\r\n\r\n"
    )
    (tmp_path / "q.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (letter,) = open_queue(tmp_path / "q.csv").read()
    assert isinstance(letter, Letter)
    assert (letter.key, letter.error_message) == ("K", 'a "b"\r\nc, d; e\tf\0')


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("K2", "the row has 1 cells where the header has 2"),
        ("K2,m,x", "the row has 3 cells where the header has 2"),
        ('K2,"m"x', "not CSV: "),
        ("\0\xff\xfe", "the row has 1 cells"),
    ],
)
def test_a_csv_row_that_is_no_letter_is_kept_as_broken(tmp_path: Path, row: str, reason: str) -> None:
    (tmp_path / "q.csv").write_text(f"key,error_message\nK1,m\n{row}\nK3,m\n", encoding="latin-1")
    good, broken, after = open_queue(tmp_path / "q.csv").read()
    assert isinstance(good, Letter) and isinstance(after, Letter) and after.key == "K3"
    assert isinstance(broken, BrokenLetter) and broken.reason.startswith(reason) and broken.line == 3


@pytest.mark.parametrize("end", ['K2,"half a', "K2"])
def test_a_csv_row_that_breaks_off_is_kept_as_broken(tmp_path: Path, end: str) -> None:
    (tmp_path / "q.csv").write_text(f"key,error_message\nK1,m\n{end}")
    _, broken = open_queue(tmp_path / "q.csv").read()
    assert isinstance(broken, BrokenLetter)
    assert broken.reason.endswith(("its end is missing", "unexpected end of data"))


def test_rubbish_in_a_table_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    url = table(
        tmp_path / "q.db", "id INTEGER PRIMARY KEY, key, record BLOB", (2, "K2", b"\xff\0{"), (1, b"K\xff", None)
    )
    with sqlite3.connect(tmp_path / "q.db") as connection:
        connection.execute("INSERT INTO dead_letters VALUES (3, CAST(x'4bff' AS TEXT), '[1]')")
    connection.close()
    letters = open_queue(url).read()
    assert [(letter.key, letter.record) for letter in letters if isinstance(letter, Letter)] == [
        ("K\ufffd", None),
        ("K2", None),
        ("K\ufffd", None),
    ]


def test_rubbish_in_redis_is_kept_as_broken(redis_server: tuple[str, redis.Redis]) -> None:
    url, client = redis_server
    client.rpush("rubbish", b"\xff\0", "[1]", '{"key": "K"}', '{"key": "K')
    found = open_queue(f"{url}/rubbish").read()
    assert [type(letter).__name__ for letter in found] == ["BrokenLetter", "BrokenLetter", "Letter", "BrokenLetter"]


def test_an_absent_key_is_an_empty_queue(redis_server: tuple[str, redis.Redis]) -> None:
    assert open_queue(f"{redis_server[0]}/nothing-yet").read() == []


def test_one_letter_may_be_long(tmp_path: Path) -> None:
    long = "x" * 10_000_000
    (tmp_path / "q.jsonl").write_text(json.dumps({"key": "K", "error": {"message": long}}))
    csv_file(tmp_path / "q.csv", ["key", "error_message"], ["K", long])
    for name in ("q.jsonl", "q.csv"):
        (letter,) = open_queue(tmp_path / name).read()
        assert isinstance(letter, Letter) and letter.error_message == long


# -- what is refused


def no_table(folder: Path) -> str:
    return table(folder / "q.db", "key", name="dead_letter").replace("#dead_letter", "#dead_letters")


def no_column(folder: Path) -> str:
    return table(folder / "q.db", "pay_load, why")


def neither_record_nor_key(folder: Path) -> str:
    return csv_file(folder / "q.csv", ["id", "why"])


def columns_twice(folder: Path) -> str:
    return csv_file(folder / "q.csv", ["key", "why", "key"])


def no_database(folder: Path) -> str:
    (folder / "q.db").write_bytes(b"\0rubbish" * 500)
    return f"sqlite:///{folder}/q.db#dead_letters"


def pipe(folder: Path) -> str:
    import os

    os.mkfifo(folder / "q.jsonl")
    return f"{folder}/q.jsonl"


def folder_is_a_file(folder: Path) -> str:
    (folder / "q").touch()
    return f"{folder}/q/letters.jsonl"


@pytest.mark.parametrize(
    ("place", "mapping", "message"),
    [
        (no_table, None, "there is no table dead_letters; did you mean dead_letter? (there are dead_letter)"),
        (no_column, MAPPED, "no column payload, where dead_letters says the record is; did you mean pay_load?"),
        (neither_record_nor_key, None, "neither a column `record` nor `key`; say in the scenario where they are"),
        (columns_twice, None, "the header names key more than once"),
        (no_database, None, "file is not a database"),
        (pipe, None, "this is no regular file"),
        (folder_is_a_file, None, "is no folder"),
        (lambda folder: f"sqlite:///{folder}/none.db#t", None, "there is no file"),
        (lambda folder: f"sqlite:///{folder}/none.db", None, "this names no table; write it behind a #"),
        (lambda folder: f"{folder}/letters.db", None, "name a table of the database: sqlite:///"),
        (lambda _: "sqlite://#t", None, "a database in the memory of another process cannot be read"),
        (lambda _: "postgresql+nodriver://u:secret@h/d#t", None, "SQLAlchemy knows no such database"),
        (lambda _: "postgresql+pg8000://u:secret@h/d#t", None, "the driver pg8000 is not installed"),
        (lambda _: "nosql://u:secret@h/d#t", None, "SQLAlchemy knows no such database"),
        (lambda _: "redis://:secret@127.0.0.1:1/0/key", None, "refused"),
        (lambda _: "redis://127.0.0.1/key", None, "this names no database and key; give redis://host:6379/0/key"),
        (lambda _: "redis://127.0.0.1:x/0/key", None, "this names no database and key"),
        (lambda _: "redi://127.0.0.1/0/key", None, "there is no reader for redi: queues (did you mean redis:?)"),
        (lambda _: lambda: 1 / 0, None, "ZeroDivisionError: division by zero"),
        (lambda _: lambda: None, None, "it must return a list of letters, not None"),
        (lambda _: lambda: WHOLE, None, "it must return a list of letters, not a dict"),
        (lambda _: 7, None, "'7' is no queue"),
        (lambda _: JsonlQueue, None, "JsonlQueue"),
    ],
)
def test_a_queue_that_cannot_be_read_is_refused(
    place: Callable[[Path], Any], mapping: LetterMap | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(QueueError) as caught:
        as_queue(place(tmp_path), mapping)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


async def late() -> list[Any]:
    return []


def test_a_function_must_not_be_asynchronous() -> None:
    with pytest.raises(QueueError, match="it must return the letters, not a promise of them"):
        as_queue(late)


def test_a_redis_key_of_another_kind_is_refused(redis_server: tuple[str, redis.Redis]) -> None:
    redis_server[1].set("text", "x")
    with pytest.raises(QueueError, match="the key holds a string, where a list or a stream is wanted"):
        open_queue(f"{redis_server[0]}/text")


@pytest.mark.parametrize(
    ("module", "url", "extra"),
    [("sqlalchemy", "sqlite:///q.db#t", "sql"), ("redis", "redis://127.0.0.1/0/k", "redis")],
)
def test_a_missing_extra_is_named(module: str, url: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(QueueError, match=rf"pip install 'sfmock\[{extra}\]'"):
        open_queue(url)


def test_readers_are_imported_when_they_are_needed() -> None:
    import subprocess

    code = "import sys, harness.letters; print({'sqlalchemy', 'redis', 'csv'} & set(sys.modules) - {'csv'})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"


# -- before and after a run


def test_only_later_letters_count(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"key": "A"}\n{"key": "B"}\n{"key": "B"}\nrubbish\n')
    reader = QueueReader(JsonlQueue(path))
    reader.mark()
    assert reader.since() == []
    # The queue may be emptied or sorted anew meanwhile, and a letter may come again.
    path.write_text('{"key": "C"}\n{"key": "B"}\n{"key": "B"}\n{"key": "B"}\n')
    assert [letter.key for letter in reader.since() if isinstance(letter, Letter)] == ["C", "B"]


def test_a_queue_that_is_gone_after_the_run_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "queue"
    folder.mkdir()
    reader = QueueReader(JsonlQueue(folder / "q.jsonl"))
    reader.mark()
    folder.rmdir()
    (broken,) = reader.since()
    assert isinstance(broken, BrokenLetter) and broken.whole_queue and "its folder is gone" in broken.reason


@pytest.mark.heavy
def test_a_hundred_megabytes_of_letters_are_read(tmp_path: Path) -> None:
    line = json.dumps({**WHOLE, "note": "x" * 100}) + "\n"
    times = 100_000_000 // len(line)
    (tmp_path / "q.jsonl").write_text(line * times)
    assert len(QueueReader(FunctionQueue(JsonlQueue(tmp_path / "q.jsonl").read)).read()) == times


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr("harness.letters.redis_key.ANSWER", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, pytest.raises(QueueError, match=r"no answer within 0\.2 s"):
        open_queue(f"redis://127.0.0.1:{silent.getsockname()[1]}/0/key")


@pytest.mark.parametrize("name", ["q.jsonl", "q.csv"])
def test_a_queue_that_changes_meanwhile_is_read_all_the_same(tmp_path: Path, name: str) -> None:
    path, over = tmp_path / name, threading.Event()
    lines = "key,attempts\n" + '"K",1\n' * 500 if name.endswith("csv") else '{"key": "K", "attempts": 1}\n' * 500

    def write() -> None:
        while not over.is_set():
            path.write_text(lines)
            path.write_text("")

    path.write_text(lines)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            found = QueueReader(open_queue(path)).read()
            assert all(letter.key == "K" for letter in found if isinstance(letter, Letter))
            # What breaks off is one line at most.
            assert sum(isinstance(letter, BrokenLetter) for letter in found) <= 1
    finally:
        over.set()
        writer.join()
