import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from './setup.mjs';

const conn = connect();
const contacts = conn.sobject('Contact');

test('one record: create, retrieve, update, upsert, delete', async () => {
  const made = await contacts.create({ LastName: 'Arden', Email: 'Mixed.Case@Example.com', External_Id__c: 'js-1' });
  assert.deepEqual([made.success, made.errors], [true, []]);
  const read = await contacts.retrieve(made.id);
  assert.equal(read.Email, 'mixed.case@example.com');
  assert.equal(read.attributes.type, 'Contact');
  assert.equal((await contacts.update({ Id: made.id, FirstName: 'Mary' })).success, true);
  const changed = await contacts.upsert({ External_Id__c: 'js-1', Title: 'Doctor' }, 'External_Id__c');
  assert.deepEqual([changed.success, changed.created, changed.id], [true, false, made.id]);
  const fresh = await contacts.upsert({ External_Id__c: 'js-2', LastName: 'Blyth' }, 'External_Id__c');
  assert.equal(fresh.created, true);
  assert.equal((await contacts.retrieve(made.id, { fields: ['Title'] })).Title, 'Doctor');
  assert.equal((await contacts.destroy(made.id)).success, true);
  await assert.rejects(contacts.destroy(made.id), { errorCode: 'ENTITY_IS_DELETED' });
  await assert.rejects(contacts.retrieve(made.id), (error) => error.errorCode === 'ENTITY_IS_DELETED' || error.errorCode === 'NOT_FOUND');
});

test('many records in one call, each with its own outcome', async () => {
  const rows = Array.from({ length: 30 }, (_, n) => (n === 7 ? { FirstName: 'no last name' } : { LastName: `Row ${n}` }));
  const made = await contacts.create(rows);
  assert.equal(made.length, 30);
  assert.deepEqual(made.filter((one) => !one.success).map((one) => one.errors[0].statusCode), ['REQUIRED_FIELD_MISSING']);
  const ids = made.filter((one) => one.success).map((one) => one.id);
  const changed = await contacts.update(ids.map((Id) => ({ Id, Title: 'Row' })));
  assert.ok(changed.every((one) => one.success));
  const read = await contacts.retrieve(ids);
  assert.deepEqual([...new Set(read.map((one) => one.Title))], ['Row']);
  assert.ok((await contacts.destroy(ids)).every((one) => one.success));
});

test('all or none', async () => {
  const made = await contacts.create([{ LastName: 'Kept' }, { FirstName: 'Nobody' }], { allOrNone: true });
  assert.deepEqual(made.map((one) => one.errors[0].statusCode), ['ALL_OR_NONE_OPERATION_ROLLED_BACK', 'REQUIRED_FIELD_MISSING']);
  assert.equal(await contacts.count({ LastName: 'Kept' }), 0);
});

test('more than 200 records go in several calls', async () => {
  const made = await contacts.create(
    Array.from({ length: 450 }, (_, n) => ({ LastName: `Many ${n}` })),
    { allowRecursive: true },
  );
  assert.equal(made.filter((one) => one.success).length, 450);
  assert.equal(await contacts.count({ LastName: { $like: 'Many %' } }), 450);
});

test('upsert of many by external id', async () => {
  const saved = await contacts.upsert(
    [{ External_Id__c: 'up-1', LastName: 'A' }, { External_Id__c: 'up-2', LastName: 'B' }],
    'External_Id__c',
  );
  assert.deepEqual(saved.map((one) => [one.success, one.created]), [[true, true], [true, true]]);
});

test('a parent by its external id', async () => {
  const account = await conn.sobject('Account').create({ Name: 'Acme' });
  const made = await contacts.create({ LastName: 'Child', AccountId: account.id });
  const read = await conn.query(`SELECT Account.Name FROM Contact WHERE Id = '${made.id}'`);
  assert.equal(read.records[0].Account.Name, 'Acme');
});

test('an error of a save names its fields', async () => {
  await assert.rejects(contacts.create({ FirstName: 'Only' }), (error) => {
    assert.equal(error.errorCode, 'REQUIRED_FIELD_MISSING');
    assert.deepEqual(error.data.fields, ['LastName']);
    return true;
  });
});

test('updated and deleted within a span of time', async () => {
  const made = await contacts.create({ LastName: 'Replicated' });
  const start = new Date(Date.now() - 3_600_000).toISOString();
  const end = new Date(Date.now() + 60_000).toISOString();
  assert.ok((await contacts.updated(start, end)).ids.includes(made.id));
  await contacts.destroy(made.id);
  const gone = await contacts.deleted(start, end);
  assert.ok(gone.deletedRecords.some((one) => one.id === made.id));
});
