"""Services that Salesforce calls: outbound messages, and callouts."""

from __future__ import annotations

from harness.properties.callout.receiving import AnswersInTime, IdempotentReceiver

PROPERTIES = (IdempotentReceiver(), AnswersInTime())
