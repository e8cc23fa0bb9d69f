"""What salesforce-bulk is run for: loads and reads in each content type, PK chunking, jobs that fail. Prints JSON."""

import csv
import io
import json
import os
import time

from salesforce_bulk import CsvDictsAdapter, SalesforceBulk
from salesforce_bulk.salesforce_bulk import BulkApiError, BulkBatchFailed

NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
bulk = SalesforceBulk(
    sessionId=os.environ["SF_ACCESS_TOKEN"], host=os.environ["SF_INSTANCE_URL"], API_version=os.environ["SF_VERSION"]
)
found = {}


def wait(job, batch):
    bulk.close_job(job)
    while not bulk.is_batch_done(batch, job):
        time.sleep(0.02)


job = bulk.create_insert_job("Contact", contentType="CSV", concurrency="Serial")
people = [{"LastName": "" if n == 3 else f"L{n}", "Description": f'"{n}",\nsaid he'} for n in range(10)]
batch = bulk.post_batch(job, CsvDictsAdapter(iter(people)))
wait(job, batch)
found["csv"] = [[row.success, row.error] for row in bulk.get_batch_results(batch)]
found["failed"] = bulk.job_status(job)["numberRecordsFailed"]

for kind, content in (
    ("JSON", json.dumps([{"LastName": "J"}, {"LastName": None}])),
    ("XML", f'<sObjects xmlns="{NAMESPACE}"><sObject><LastName>X</LastName></sObject><sObject/></sObjects>'),
):
    job = bulk.create_insert_job("Contact", contentType=kind)
    batch = bulk.post_batch(job, content)
    wait(job, batch)
    found[kind] = [[row.success, [one["statusCode"] for one in row.error]] for row in bulk.get_batch_results(batch)]

job = bulk.create_query_job("Contact", contentType="CSV")
batch = bulk.query(job, "SELECT LastName, Description FROM Contact WHERE LastName LIKE 'L%' ORDER BY LastName")
wait(job, batch)
(result,) = bulk.get_all_results_for_query_batch(batch)
found["read"] = list(csv.DictReader(io.TextIOWrapper(result, "utf-8", newline="")))

job = bulk.create_query_job("Contact", pk_chunking=5)
batch = bulk.query(job, "SELECT Id FROM Contact")
try:
    while not bulk.is_batch_done(batch, job):
        time.sleep(0.02)
except BulkBatchFailed as failed:
    found["original"] = failed.state
while any(one["state"] in ("Queued", "InProgress") for one in bulk.get_batch_list(job)):
    time.sleep(0.02)
found["chunks"] = [[one["state"], int(one["numberRecordsProcessed"])] for one in bulk.get_batch_list(job)]

job = bulk.create_insert_job("Contact")
batch = bulk.post_batch(job, "Nme\nx\n")
try:
    wait(job, batch)
except BulkBatchFailed as failed:
    found["unknown field"] = failed.state_message
bulk.abort_job(bulk.create_insert_job("Contact"))
bulk.sessionId = "none"
try:
    bulk.create_insert_job("Contact")
except BulkApiError as error:
    found["session"] = [error.status_code, "<exceptionCode>InvalidSessionId</exceptionCode>" in str(error)]
print(json.dumps(found))
