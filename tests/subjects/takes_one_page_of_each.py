"""Takes the first page that the generator of simple-salesforce yields for the whole result."""

import csv
import io
import os

from with_simple_salesforce import connect, take


def main(env=os.environ):
    client = connect(env)
    with open(env["SFMOCK_EFFECTS"], "a", encoding="utf-8") as effects:
        for sobject, field in (("Contact", "LastName"), ("Account", "Name")):
            page = next(getattr(client.bulk2, sobject).query(f"SELECT Id, {field} FROM {sobject}"))
            take(effects, sobject, csv.DictReader(io.StringIO(page, newline="")))


if __name__ == "__main__":
    main()
