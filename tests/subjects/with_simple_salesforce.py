"""Extracts contacts page by page, and accounts into files, by the query jobs of simple-salesforce."""

import csv
import io
import json
import os

import requests
from simple_salesforce import Salesforce


def connect(env):
    http = requests.Session()
    http.headers["Sforce-Call-Options"] = "client=extract"
    return Salesforce(
        instance_url=env["SF_INSTANCE_URL"],
        session_id=env["SF_ACCESS_TOKEN"],
        version=env["SF_API_VERSION"],
        session=http,
    )


def take(effects, sobject, rows):
    for row in rows:
        effects.write(json.dumps({"sobject": sobject, "id": row["Id"], "record": row}) + "\n")


def main(env=os.environ):
    client = connect(env)
    with open(env["SFMOCK_EFFECTS"], "a", encoding="utf-8") as effects:
        for page in client.bulk2.Contact.query("SELECT Id, LastName FROM Contact"):
            take(effects, "Contact", csv.DictReader(io.StringIO(page, newline="")))
        for part in client.bulk2.Account.download("SELECT Id, Name FROM Account", path=env["SFMOCK_WORKDIR"]):
            with open(part["file"], encoding="utf-8", newline="") as file:
                take(effects, "Account", csv.DictReader(file))


if __name__ == "__main__":
    main()
