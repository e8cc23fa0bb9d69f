"""Retry: what is transient is tried again, what is permanent is not, and neither for ever, nor in step, nor blindly."""

from __future__ import annotations

from harness.properties.retry.backoff import BackoffCapped, BackoffGrows, Jittered
from harness.properties.retry.bounds import Bounded, WithinDeadline
from harness.properties.retry.circuit import CircuitOpens
from harness.properties.retry.error_code import ClassifiedByErrorCode
from harness.properties.retry.load import AmplificationBounded, SingleLayer
from harness.properties.retry.permanent import PermanentNotRetried
from harness.properties.retry.recovery import NoStarvation, RecoversAfterHeal
from harness.properties.retry.replay import SameBody, UnsafeNotReplayed
from harness.properties.retry.throttling import QuietWhileThrottled, RetryAfterHonoured
from harness.properties.retry.timeouts import SlowIsNotDead, TimeoutSet
from harness.properties.retry.transient import TransientRetried

PROPERTIES = (
    TransientRetried(),
    PermanentNotRetried(),
    ClassifiedByErrorCode(),
    Bounded(),
    WithinDeadline(),
    BackoffGrows(),
    BackoffCapped(),
    Jittered(),
    RetryAfterHonoured(),
    QuietWhileThrottled(),
    AmplificationBounded(),
    SingleLayer(),
    CircuitOpens(),
    UnsafeNotReplayed(),
    SameBody(),
    TimeoutSet(),
    SlowIsNotDead(),
    RecoversAfterHeal(),
    NoStarvation(),
)
