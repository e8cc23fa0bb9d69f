"""Automation: what an org's owner has run when records are saved, and what a transaction may spend on it."""

from mock_server.org.automation.budget import UNITS, Cost, Share
from mock_server.org.automation.hooks import EVENTS, MOMENTS, Automation, Hook, HookError
from mock_server.org.automation.trigger import Trigger, TriggerRecord

__all__ = [
    "EVENTS", "MOMENTS", "UNITS", "Automation", "Cost", "Hook", "HookError", "Share", "Trigger", "TriggerRecord",
]  # fmt: skip
