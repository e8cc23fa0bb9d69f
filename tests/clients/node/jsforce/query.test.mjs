import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connect, jsforce } from './setup.mjs';

const conn = connect();
const TOTAL = 2345;

before(async () => {
  const account = await conn.sobject('Account').create({ Name: 'Acme', Industry: 'Energy' });
  const rows = Array.from({ length: TOTAL }, (_, n) => ({
    LastName: `Name ${String(n).padStart(5, '0')}`,
    AccountId: n % 2 ? account.id : null,
  }));
  const saved = await conn.sobject('Contact').create(rows, { allowRecursive: true });
  assert.ok(saved.every((one) => one.success));
});

test('autofetch reads every page', async () => {
  const read = await conn.query('SELECT Id, LastName FROM Contact ORDER BY LastName', { autoFetch: true, maxFetch: 100_000 });
  assert.equal(read.totalSize, TOTAL);
  assert.equal(new Set(read.records.map((one) => one.Id)).size, TOTAL);
});

test('events of a query, record by record', async () => {
  const seen = [];
  await new Promise((resolve, reject) => {
    conn
      .query('SELECT LastName FROM Contact')
      .on('record', (record) => seen.push(record.LastName))
      .on('end', resolve)
      .on('error', reject)
      .run({ autoFetch: true, maxFetch: 5000 });
  });
  assert.equal(seen.length, TOTAL);
});

test('the next page by hand', async () => {
  const first = await conn.query('SELECT Id FROM Contact');
  assert.deepEqual([first.done, first.records.length], [false, 2000]);
  const second = await conn.queryMore(first.nextRecordsUrl);
  assert.deepEqual([second.done, second.records.length], [true, TOTAL - 2000]);
});

test('find with conditions, sort, limit and skip', async () => {
  const found = await conn
    .sobject('Contact')
    .find({ 'Account.Industry': 'Energy', LastName: { $gt: 'Name 00100' } }, ['Id', 'LastName', 'Account.Name'])
    .sort({ LastName: 1 })
    .limit(3)
    .skip(1);
  assert.deepEqual(found.map((one) => [one.LastName, one.Account.Name]), [
    ['Name 00103', 'Acme'],
    ['Name 00105', 'Acme'],
    ['Name 00107', 'Acme'],
  ]);
});

test('find with children', async () => {
  const found = await conn.sobject('Account').find({ Name: 'Acme' }).select('Id, Name').include('Contacts').select('LastName').limit(2).end();
  assert.equal(found[0].Contacts.records.length, 2);
});

test('aggregates', async () => {
  const read = await conn.query('SELECT Account.Name name, COUNT(Id) n FROM Contact WHERE AccountId != null GROUP BY Account.Name');
  assert.deepEqual(read.records.map((one) => [one.name, one.n]), [['Acme', Math.floor(TOTAL / 2)]]);
});

test('dates of JavaScript', async () => {
  const found = await conn.sobject('Contact').find({ CreatedDate: { $gte: jsforce.SfDate.toDateTimeLiteral(new Date(Date.now() - 86_400_000)) } }, ['Id']).limit(1);
  assert.equal(found.length, 1);
});

test('a wrong query is an error with its code', async () => {
  await assert.rejects(conn.query('SELECT Nope FROM Contact'), { errorCode: 'INVALID_FIELD' });
  await assert.rejects(conn.query('SELEC'), { errorCode: 'MALFORMED_QUERY' });
});

test('search', async () => {
  const found = await conn.search('FIND {Acme} IN ALL FIELDS RETURNING Account(Id, Name)');
  assert.deepEqual(found.searchRecords.map((one) => one.Name), ['Acme']);
});

test('explain', async () => {
  const said = await conn.query('SELECT Id FROM Contact').explain();
  assert.equal(said.plans[0].sobjectType, 'Contact');
});

test('destroy and update by a query', async () => {
  const changed = await conn.sobject('Contact').find({ LastName: { $like: 'Name 0000%' } }).update({ Title: '${LastName}!' });
  assert.equal(changed.length, 10);
  assert.ok(changed.every((one) => one.success));
  const gone = await conn.sobject('Contact').find({ LastName: { $like: 'Name 0000%' } }).destroy();
  assert.equal(gone.length, 10);
});
