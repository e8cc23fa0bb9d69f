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
    "never_logs_in_again.py": ("session.refreshed_once", "expired-session"),
    "stampedes.py": ("session.single_flight_refresh", "tests/subjects/shared-session.yaml"),
    "logs_in_for_ever.py": ("session.stops_on_refused_refresh", "tests/subjects/refused-login.yaml"),
    "restarts_after_expiry.py": ("session.expiry_keeps_progress", "tests/subjects/late-expiry.yaml"),
    "hard_coded_host.py": ("session.instance_url_followed", "tests/subjects/moved-org.yaml"),
    "creates_what_is_not_done.py": ("idempotency.redelivery_changes_nothing", "tests/subjects/same-again.yaml"),
    "stamps_each_run.py": ("idempotency.rerun_is_noop", "tests/subjects/same-again.yaml"),
    "takes_duplicates_for_done.py": ("idempotency.concurrent_upsert", "tests/subjects/another-writer.yaml"),
    "writes_in_two_steps.py": ("idempotency.late_duplicate_harmless", "tests/subjects/late-copy.yaml"),
    "trusts_anyone.py": ("security.tls_verified", "tests/subjects/false-server.yaml"),
    "reads_everything.py": ("security.least_privilege", "tests/subjects/few-rights.yaml"),
    "leaks_secrets.py": ("security.no_secrets_leaked", "outage"),
    "retries_for_ever.py": ("retry.bounded", "never-ending-outage"),
}
"""File of each broken subject -> the property that must be named first, and the scenario that shows it."""
