"""The floor: bare aiohttp handlers that do the same work on sqlite3, and nothing else that an org does.

The tables have the mock's own columns and indexes, so that both sides pay for the same storage.
"""

from __future__ import annotations

import itertools
import sqlite3
import sys

import orjson
from aiohttp import web

NAMES = ["FirstName", "LastName", "Email", "Phone", "Title", "AccountId"]
SYSTEM = ["Id", "OwnerId", "CreatedDate", "LastModifiedDate", "SystemModstamp", "CreatedById", "LastModifiedById"]
STAMP = "2026-03-01T10:00:00.000+0000"
USER = "005Kd000000000BIAQ"


class Floor:
    def __init__(self, ddl: list[str]) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
        self.db.execute("PRAGMA journal_mode=MEMORY")
        for statement in ddl:
            self.db.execute(statement)
        self.numbers = itertools.count(1)
        columns = [row[1] for row in self.db.execute('PRAGMA table_xinfo("Contact")')]
        self.columns = [name for name in columns if not name.endswith("__fold")]
        self.read_sql = f'SELECT {", ".join(self.columns)} FROM "Contact" WHERE "Id" = ? AND "IsDeleted" = 0'
        names = [*NAMES, "Email__fold", *SYSTEM]
        self.insert_sql = f'INSERT INTO "Contact" ({", ".join(names)}) VALUES ({",".join("?" * len(names))})'

    def row(self, record: dict[str, object]) -> list[object]:
        email = record.get("Email")
        return [
            *(record.get(name) for name in NAMES),
            email.casefold() if isinstance(email, str) else None,
            f"003Kd0{next(self.numbers):012d}",
            USER,
            STAMP,
            STAMP,
            STAMP,
            USER,
            USER,
        ]

    async def read(self, request: web.Request) -> web.Response:
        row = self.db.execute(self.read_sql, (request.match_info["id"],)).fetchone()
        return json_response(dict(zip(self.columns, row, strict=True)))

    async def create(self, request: web.Request) -> web.Response:
        row = self.row(orjson.loads(await request.read()))
        self.db.execute("BEGIN")
        self.db.execute(self.insert_sql, row)
        self.db.execute("COMMIT")
        return json_response({"id": row[len(NAMES) + 1], "success": True, "errors": []}, 201)

    async def collections(self, request: web.Request) -> web.Response:
        rows = [self.row(record) for record in orjson.loads(await request.read())["records"]]
        self.db.execute("BEGIN")
        self.db.executemany(self.insert_sql, rows)
        self.db.execute("COMMIT")
        return json_response([{"id": row[len(NAMES) + 1], "success": True, "errors": []} for row in rows])

    async def composite(self, request: web.Request) -> web.Response:
        answers = []
        for one in orjson.loads(await request.read())["compositeRequest"]:
            row = self.row(one["body"])
            self.db.execute("BEGIN")
            self.db.execute(self.insert_sql, row)
            self.db.execute("COMMIT")
            answers.append(
                {
                    "body": {"id": row[len(NAMES) + 1], "success": True, "errors": []},
                    "httpHeaders": {"Location": f"{one['url']}/{row[len(NAMES) + 1]}"},
                    "httpStatusCode": 201,
                    "referenceId": one["referenceId"],
                }
            )
        return json_response({"compositeResponse": answers})

    async def query(self, request: web.Request) -> web.Response:
        rows = self.db.execute(
            'SELECT c."Id", c."FirstName", c."LastName", c."Email", c."Phone", c."CreatedDate", c."IsEmailBounced", '
            'c."AccountId", a."Name" FROM "Contact" c LEFT JOIN "Account" a ON a."Id" = c."AccountId" '
            'WHERE c."IsDeleted" = 0 ORDER BY c."Id" LIMIT 2000'
        ).fetchall()
        base = "/services/data/v60.0/sobjects"
        records = [
            {
                "attributes": {"type": "Contact", "url": f"{base}/Contact/{row[0]}"},
                "Id": row[0],
                "FirstName": row[1],
                "LastName": row[2],
                "Email": row[3],
                "Phone": row[4],
                "CreatedDate": row[5],
                "IsEmailBounced": bool(row[6]),
                "Account": {"attributes": {"type": "Account", "url": f"{base}/Account/{row[7]}"}, "Name": row[8]}
                if row[7]
                else None,
            }
            for row in rows
        ]
        return json_response({"totalSize": len(records), "done": True, "records": records})


def json_response(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=orjson.dumps(value), status=status, headers={"Content-Type": "application/json;charset=UTF-8"}
    )


def main() -> None:
    import uvloop

    ddl = orjson.loads(sys.stdin.readline())
    floor = Floor(ddl)
    app = web.Application(client_max_size=50_000_000)
    data = "/services/data/v60.0"
    app.router.add_get(data + "/sobjects/Contact/{id}", floor.read)
    app.router.add_post(data + "/sobjects/Contact", floor.create)
    app.router.add_post(data + "/composite/sobjects", floor.collections)
    app.router.add_post(data + "/composite", floor.composite)
    app.router.add_get(data + "/query", floor.query)

    async def seed(_: web.Application) -> None:
        for number in range(10):
            floor.db.execute(
                'INSERT INTO "Account" ("Id", "Name") VALUES (?, ?)', (f"001Kd0{number:012d}", f"Account {number}")
            )
        floor.db.executemany(
            floor.insert_sql,
            [
                floor.row(
                    {
                        "FirstName": "Ada",
                        "LastName": f"Example {number}",
                        "Email": f"ada{number}@example.com",
                        "Phone": "555-0100",
                        "Title": "Engineer",
                        "AccountId": f"001Kd0{number % 10:012d}",
                    }
                )
                for number in range(2000)
            ],
        )

    app.on_startup.append(seed)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
