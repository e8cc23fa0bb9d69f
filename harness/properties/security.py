"""Security: secrets stay where they belong."""

from __future__ import annotations

import re

from harness.evidence import Evidence
from harness.leaks import in_letter
from harness.properties import access
from harness.properties.property import Claim, NoParameters, Verdict, counted, some


class NoSecretsLeaked(Claim):
    name = "security.no_secrets_leaked"
    trigger = "the subject was given secrets: a password, tokens, a client secret"
    rule = "None of them is in its output, in a dead letter or in a request's path or query."
    guidance = (
        "Log and dead-letter the error's code and message, never the session, the client or its headers; send tokens "
        "in the Authorization header only. A secret that got out must be revoked, not only removed from the log."
    )
    source = "https://cheatsheetseries.owasp.org/cheatsheets/Logging_Cheat_Sheet.html"
    needs = frozenset({"process", "letters", "journal"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if not evidence.canaries:
            return self.not_exercised("the subject was given no secret")
        patterns = [(canary.name, re.compile(canary.pattern)) for canary in evidence.canaries]
        # A long output is kept only in part, so that the subject's runner looks for secrets while it is printed.
        leaks = [f"{name} in the output" for process in evidence.processes for name in process.leaks]
        leaks += _in_letters(evidence)
        entries: list[int] = []
        for exchange in evidence.exchanges:
            # Of a query string only the query is kept; the mock has named what else stood in it.
            address = f"{exchange.path}?{exchange.soql}"
            found = [name for name, pattern in patterns if pattern.search(address)]
            for name in dict.fromkeys((*found, *exchange.exposed)):
                leaks.append(f"{name} in the URL of {exchange.operation}")
                entries.append(exchange.number)
        searched = len(evidence.canaries)
        if leaks:
            distinct = list(dict.fromkeys(leaks))
            return self.violated(f"{counted(len(leaks), 'leak')}: {some(distinct)}", searched, entries)
        return self.held(f"{counted(searched, 'secret')} looked for, none found", searched)


def _in_letters(evidence: Evidence) -> list[str]:
    secrets = [(canary, re.compile(canary.pattern)) for canary in evidence.canaries]
    return [
        f"{canary.name} in a dead letter"
        for letter in evidence.letters or ()
        for canary, pattern in secrets
        if in_letter(letter, canary, pattern)
    ]


PROPERTIES = (NoSecretsLeaked(), *access.PROPERTIES)
