"""Integrations for the harness to judge. Each broken one has one realistic defect, and must be caught by it."""

PLANTED = {
    "no_retry.py": ("retry.transient_retried", "row-locks"),
    "swallows_row_errors.py": ("bulk.row_results_read", "row-locks"),
    "resends_whole_batch.py": ("bulk.only_failed_rows_retried", "row-locks"),
    "one_call_a_record.py": ("bulk.calls_per_record", "tests/subjects/short-outage.yaml"),
    "creates_instead_of_upsert.py": ("idempotency.lost_reply_collections", "lost-reply"),
    "creates_one_by_one.py": ("idempotency.lost_reply_create", "tests/subjects/lost-create.yaml"),
    "retries_permanent.py": ("retry.permanent_not_retried", "validation-errors"),
    "letters_without_cause.py": ("dead_letter.informative", "validation-errors"),
    "letters_too_early.py": ("dead_letter.complete", "row-locks"),
    "letters_count_retries.py": ("dead_letter.attempts_true", "row-locks"),
    "letters_before_spent.py": ("dead_letter.only_when_spent", "row-locks"),
    "letters_for_whole_batch.py": ("dead_letter.per_row", "validation-errors"),
    "letters_with_headers.py": ("dead_letter.no_secrets", "validation-errors"),
    "silent_letters.py": ("dead_letter.alerted", "validation-errors"),
    "swallows_queue_errors.py": ("dead_letter.sink_failure_survived", "redrive"),
    "redrive_leaves_letters.py": ("dead_letter.redrive_lands", "redrive"),
    "redrive_creates.py": ("dead_letter.redrive_idempotent", "redrive"),
    "redrive_overwrites.py": ("dead_letter.redrive_not_stale", "redrive"),
    "redrive_forgets_attempts.py": ("dead_letter.no_poison_loop", "redrive"),
    "never_logs_in_again.py": ("session.refreshed_once", "expired-session"),
    "leaks_secrets.py": ("security.no_secrets_leaked", "outage"),
    "retries_for_ever.py": ("retry.bounded", "never-ending-outage"),
}
"""File of each broken subject -> the property that must be named first, and the scenario that shows it."""
