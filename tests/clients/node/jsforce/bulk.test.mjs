import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from './setup.mjs';

const conn = connect();
conn.bulk.pollInterval = conn.bulk2.pollInterval = 20;
conn.bulk.pollTimeout = conn.bulk2.pollTimeout = 20000;

const people = (count, prefix, bad = []) =>
  Array.from({ length: count }, (_, n) => ({
    External_Id__c: `${prefix}${n}`,
    LastName: bad.includes(n) ? '' : `Person ${n}`,
    Description: `"${n}", said he\nand left`,
  }));

test('bulk 2.0: load and wait, with rows that fail', async () => {
  const told = await conn.bulk2.loadAndWaitForResults({
    object: 'Contact',
    operation: 'insert',
    input: people(40, 'j2-', [3, 9]),
    pollInterval: 20,
    pollTimeout: 20000,
  });
  assert.equal(told.successfulResults.length, 38);
  assert.deepEqual(told.failedResults.map((row) => row.External_Id__c), ['j2-3', 'j2-9']);
  assert.equal(
    told.failedResults[0].sf__Error,
    'REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --',
  );
  assert.deepEqual(told.unprocessedRecords, []);
  assert.equal(told.successfulResults[0].Description, '"0", said he\nand left');
});

test('bulk 2.0: a job step by step', async () => {
  const job = conn.bulk2.createJob({ operation: 'upsert', object: 'Contact', externalIdFieldName: 'External_Id__c' });
  const opened = once(job, 'open');
  await job.open();
  await opened;
  await job.uploadData(people(10, 'step-'));
  await job.close();
  await job.poll(20, 20000);
  const info = await job.check();
  assert.deepEqual([info.state, Number(info.numberRecordsProcessed)], ['JobComplete', 10]);
  const good = await job.getSuccessfulResults();
  assert.ok(good.every((row) => row.sf__Created === 'true'));
  await job.delete();
});

test('bulk 2.0: an aborted job', async () => {
  const job = conn.bulk2.createJob({ operation: 'insert', object: 'Contact' });
  await job.open();
  await job.abort();
  assert.equal((await job.check()).state, 'Aborted');
});

test('bulk 2.0: a job of an unknown column raises', async () => {
  await assert.rejects(
    conn.bulk2.loadAndWaitForResults({
      object: 'Contact', operation: 'insert', input: [{ LastName: 'X', Nothing__c: '1' }],
      pollInterval: 20, pollTimeout: 20000,
    }),
    /Field name not found : Nothing__c/,
  );
});

test('bulk 2.0: a query as a stream of records', async () => {
  await conn.bulk2.loadAndWaitForResults({
    object: 'Contact', operation: 'insert', input: people(30, 'q2-'), pollInterval: 20, pollTimeout: 20000,
  });
  const stream = await conn.bulk2.query("SELECT External_Id__c, Description FROM Contact WHERE External_Id__c LIKE 'q2-%'", {
    pollInterval: 20, pollTimeout: 20000,
  });
  const found = await stream.toArray();
  assert.equal(found.length, 30);
  assert.equal(found.find((row) => row.External_Id__c === 'q2-4').Description, '"4", said he\nand left');
});

test('bulk 1.0: load, with rows that fail', async () => {
  const told = await conn.bulk.load('Contact', 'insert', people(20, 'j1-', [5]));
  assert.equal(told.length, 20);
  assert.deepEqual(told.map((row) => row.success).filter((good) => !good).length, 1);
  assert.match(told[5].errors[0], /^REQUIRED_FIELD_MISSING:Required fields are missing: \[LastName\]:LastName --/);
  const again = await conn.bulk.load('Contact', 'upsert', { extIdField: 'External_Id__c' }, people(20, 'j1-', []));
  assert.ok(again.every((row) => row.success));
});

test('bulk 1.0: a query as a stream', async () => {
  const stream = await conn.bulk.query("SELECT Id, LastName FROM Contact WHERE External_Id__c LIKE 'j1-%'");
  const found = await stream.toArray();
  assert.equal(found.length, 20);
});
