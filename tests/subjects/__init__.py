"""Integrations for the harness to judge. Each broken one has one realistic defect, and must be caught by it."""

PLANTED = {
    "no_retry.py": ("retry.transient_retried", "row-locks"),
    "swallows_row_errors.py": ("bulk.row_results_read", "row-locks"),
    "resends_whole_batch.py": ("bulk.only_failed_rows_retried", "row-locks"),
    "blames_other_rows.py": ("bulk.errors_matched_to_rows", "validation-errors"),
    "gives_up_the_siblings.py": ("bulk.all_or_none_understood", "tests/subjects/one-bad-row.yaml"),
    "stops_at_bad_row.py": ("bulk.poison_row_isolated", "tests/subjects/one-bad-row.yaml"),
    "oversized_batches.py": ("bulk.within_size_limits", "tests/subjects/short-outage.yaml"),
    "one_call_a_record.py": ("bulk.batches_filled", "tests/subjects/short-outage.yaml"),
    "reads_each_record_first.py": ("bulk.calls_per_record", "tests/subjects/short-outage.yaml"),
    "queries_in_a_loop.py": ("bulk.no_query_in_loop", "tests/subjects/short-outage.yaml"),
    "comes_back_at_once.py": ("bulk.eases_off_on_locks", "tests/subjects/lock-storm.yaml"),
    "reads_first_page.py": ("read.all_pages", "tests/subjects/reading.yaml"),
    "restarts_reading.py": ("read.resumed_not_restarted", "tests/subjects/reading.yaml"),
    "dies_with_its_cursor.py": ("read.cursor_expiry_survived", "tests/subjects/reading.yaml"),
    "pages_by_offset.py": ("read.stable_under_drift", "tests/subjects/reading.yaml"),
    "ignores_the_quota.py": ("limits.quota_watched", "tests/subjects/little-quota.yaml"),
    "burns_on.py": ("limits.daily_paused", "tests/subjects/no-quota.yaml"),
    "ignores_the_crowd.py": ("limits.concurrent_eased", "tests/subjects/crowd.yaml"),
    "unbounded.py": ("limits.own_ceiling", "tests/subjects/slow.yaml"),
    "creates_instead_of_upsert.py": ("idempotency.lost_reply_collections", "lost-reply"),
    "creates_one_by_one.py": ("idempotency.lost_reply_create", "tests/subjects/lost-create.yaml"),
    "retries_permanent.py": ("retry.permanent_not_retried", "validation-errors"),
    "letters_without_cause.py": ("dead_letter.informative", "validation-errors"),
    "letters_too_early.py": ("dead_letter.complete", "row-locks"),
    "never_logs_in_again.py": ("session.refreshed_once", "expired-session"),
    "logs_without_keys.py": ("report.failures_traceable", "validation-errors"),
    "reports_what_it_sent.py": ("report.truthful", "validation-errors"),
    "nameless.py": ("report.client_identified", "validation-errors"),
    "leaks_secrets.py": ("security.no_secrets_leaked", "outage"),
    "retries_for_ever.py": ("retry.bounded", "never-ending-outage"),
}
"""File of each broken subject -> the property that must be named first, and the scenario that shows it."""

CORRECT = {
    "reader.py": ("tests/subjects/reading.yaml",),
    "parallel.py": (
        "tests/subjects/crowd.yaml",
        "tests/subjects/lock-storm.yaml",
        "tests/subjects/little-quota.yaml",
        "tests/subjects/no-quota.yaml",
        "tests/subjects/slow.yaml",
        "row-locks",
    ),
    "all_or_none.py": ("tests/subjects/one-bad-row.yaml",),
    "reporting.py": ("validation-errors", "row-locks", "never-ending-outage"),
    "correct.py": (
        "tests/subjects/one-bad-row.yaml",
        "tests/subjects/short-outage.yaml",
        "tests/subjects/no-quota.yaml",
    ),
}
"""File of each further correct subject, and of the one above -> scenarios in which nothing may be said against it."""
