"""The same delivery by simple-salesforce's client of Bulk API 2.0, step by step.

As it stands it is correct.
"""

import requests
from bulk_sync import FILLED, BulkSync, main
from requests.adapters import HTTPAdapter
from simple_salesforce.exceptions import SalesforceError
from sync import Failure


class InTime(HTTPAdapter):
    """Gives the requests of a library that knows no time-out one."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def send(self, request, *arguments, timeout=None, **options):
        return super().send(request, *arguments, timeout=timeout or self.seconds, **options)


class Bulk2Library(BulkSync):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        for scheme in ("http://", "https://"):
            self.http.mount(scheme, InTime(self.timeout))
        self.objects = {}

    def ask(self, job, act, done=()):
        """Let the library do something; log in again once when the session has ended."""

        def once():
            try:
                return act(self.jobs_of(self.objects.get(job, "Contact")))
            except SalesforceError as error:
                raise self.failure_of(error) from None
            except (requests.RequestException, ValueError) as error:
                raise Failure("CONNECTION_LOST", type(error).__name__) from None

        def twice():
            try:
                return once()
            except Failure as failure:
                if failure.code != "INVALID_SESSION_ID":
                    raise
                self.refresh()
                return once()

        return self.persist(twice, done)

    def jobs_of(self, sobject):
        return getattr(self.client.bulk2, sobject)._client

    def begin(self, sobject, key_field):
        self.objects["new"] = sobject
        job = self.ask("new", lambda jobs: jobs.create_job("upsert", external_id_field=key_field))["id"]
        self.objects[job] = sobject
        return job

    def upload(self, job, content):
        self.ask(job, lambda jobs: jobs.upload_job_data(job, content), FILLED)

    def close(self, job):
        self.ask(job, lambda jobs: jobs.close_job(job), ("INVALIDJOBSTATE",))

    def abort(self, job):
        try:
            self.ask(job, lambda jobs: jobs.abort_job(job, is_query=False), ("INVALIDJOBSTATE",))
        except Failure as failure:
            self.log(failure)

    def look(self, job):
        return self.ask(job, lambda jobs: jobs.get_job(job, is_query=False))

    def file_of(self, job, kind):
        return self.ask(job, lambda jobs: jobs.get_ingest_results(job, kind))


if __name__ == "__main__":
    main(Bulk2Library)
