"""Writes the file that a scenario of one's own starts from."""

from __future__ import annotations

import re
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")

STARTER = """\
# yaml-language-server: $schema={schema}
title: {title}
story: >
  Who has lived through this, and what did it cost? A scenario without a story is a riddle to whoever sees it fail.

# The org before the start. Standard objects are there; custom fields are not.
org:
  fields:
    Contact:
      External_Id__c: {{type: text, length: 64, externalId: true, unique: true}}
  records:
    Account: {{count: 20}}

# What the integration is given to deliver. `key` is how a record is found in the org at the end.
inputs:
  - sobject: Contact
    count: 250
    key: External_Id__c
    fields: {{FirstName: first_name, LastName: last_name, Email: email}}

# What the integration claims about its retries. Take it out, and it is judged by defaults.
policy: {{attempts: 6, base: 100ms, factor: 2, cap: 2s, jitter: 0.5}}

# What goes wrong. `sfmock operations` lists what a rule may be `on`; of two rules that strike the same record the first
# wins. Give each a name: one that never strikes fails the trial by it.
faults:
  - name: busy
    on: [rest.collections.*, rest.sobject.*]
    when: {{times: 1}}
    status: 503
    body: too_busy
  - name: locked
    on: [rest.collections.*, rest.sobject.*]
    records: {{every: 10}}
    when: {{times: 2, per: key}}
    error: UNABLE_TO_LOCK_ROW

deadline: 60s

# What must have been put to the test. `sfmock properties` lists what can be claimed; all others are judged too.
expect:
  delivery.nothing_lost: {{}}
  delivery.nothing_twice: {{}}
  delivery.nothing_invented: {{}}
  retry.transient_retried: {{}}
"""


SERVICE_STARTER = """\
# yaml-language-server: $schema={schema}
title: {title}
story: >
  Who has lived through this, and what did it cost? A scenario without a story is a riddle to whoever sees it fail.

# The org before the start: a platform event, and an object whose changes are captured.
org:
  objects:
    Order__e: {{fields: {{Number__c: {{type: text, length: 20}}}}}}
  changeDataCapture: [Account]
  records:
    Account: {{count: 5}}

# The subject runs until it is ended. `quiet`: it is at rest when nothing has happened for so long.
service: {{ready: subscribed, grace: 5s, quiet: 2s}}

# What happens in the org while it runs. Of each event that it has handled it says so in $SFMOCK_EFFECTS.
events:
  - publish: {{sobject: Order__e, count: 20, key: Number__c, every: 20ms}}
  - update: {{sobject: Account, count: 3, fields: {{Phone: phone_number}}}}
  - restart:
      by: SIGKILL
      down: 30s
      meanwhile:
        - publish: {{sobject: Order__e, count: 5, key: Number__c}}
  - restart: {{by: SIGTERM}}
  - publish: {{sobject: Order__e, count: 5, key: Number__c}}

deadline: 2m

# What must have been put to the test. `sfmock properties` lists what can be claimed; all others are judged too.
expect:
  events.none_missed: {{}}
  report.graceful_stop: {{}}
"""


class StarterError(ValueError):
    """A file that cannot be written, or not without losing another."""


def write(name: str, *, source: Path | None = None, force: bool = False, schema: str, service: bool = False) -> Path:
    """Write a scenario under a name (`my/outage`, or a file) and return the file. `source` is one to copy.

    Raises StarterError for a name that is none, and for a file that is there, unless `force` says otherwise.
    """
    plain = name.removesuffix(".yaml").removesuffix(".yml")
    if not NAME.fullmatch(plain.removeprefix("./").lstrip("/")) or ".." in Path(plain).parts:
        raise StarterError(f"{name!r} is no name for a scenario; write letters, digits, - and _, such as my/outage")
    file = Path(name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    if file.exists() and not force:
        raise StarterError(f"{file} is there already; --force writes over it")
    title = Path(plain).name.replace("-", " ").replace("_", " ")
    text = (
        source.read_text(encoding="utf-8")
        if source
        else (SERVICE_STARTER if service else STARTER).format(title=title.capitalize(), schema=schema)
    )
    if source:
        text = f"# yaml-language-server: $schema={schema}\n{text}"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StarterError(f"cannot write {file}: {error.strerror}") from None
    return file
