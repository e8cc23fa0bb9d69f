"""Dead-letter queues: what a subject could not deliver, read without overlooking anything."""

from __future__ import annotations

from harness.letters.csv_file import CsvQueue
from harness.letters.function import FunctionQueue, Readable
from harness.letters.jsonl import JsonlQueue
from harness.letters.letter import (
    BrokenLetter,
    DeadLetters,
    Letter,
    LetterMap,
    PathError,
    QueueError,
    compile_path,
    follow,
    read_letter,
)
from harness.letters.opening import DeadLetterQueue, as_queue, open_queue
from harness.letters.reader import QueueReader
from harness.letters.redis_key import RedisQueue
from harness.letters.sql_table import SqlQueue

__all__ = [
    "BrokenLetter",
    "CsvQueue",
    "DeadLetterQueue",
    "DeadLetters",
    "FunctionQueue",
    "JsonlQueue",
    "Letter",
    "LetterMap",
    "PathError",
    "QueueError",
    "QueueReader",
    "Readable",
    "RedisQueue",
    "SqlQueue",
    "as_queue",
    "compile_path",
    "follow",
    "open_queue",
    "read_letter",
]
