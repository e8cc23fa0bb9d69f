import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, VERSION } from './setup.mjs';

const conn = connect();
const base = `/services/data/v${VERSION}`;

test('steps of a composite call refer to each other', async () => {
  const said = await conn.requestPost('/composite', {
    allOrNone: true,
    compositeRequest: [
      { method: 'POST', url: `${base}/sobjects/Account`, referenceId: 'account', body: { Name: 'Acme' } },
      { method: 'POST', url: `${base}/sobjects/Contact`, referenceId: 'contact', body: { LastName: 'Arden', AccountId: '@{account.id}' } },
      { method: 'GET', url: `${base}/query?q=SELECT Account.Name FROM Contact WHERE Id = '@{contact.id}'`, referenceId: 'found' },
    ],
  });
  assert.deepEqual(said.compositeResponse.map((one) => one.httpStatusCode), [201, 201, 200]);
  assert.equal(said.compositeResponse[2].body.records[0].Account.Name, 'Acme');
});

test('all or none: what went well is undone', async () => {
  const said = await conn.requestPost('/composite', {
    allOrNone: true,
    compositeRequest: [
      { method: 'POST', url: `${base}/sobjects/Account`, referenceId: 'first', body: { Name: 'Undone' } },
      { method: 'POST', url: `${base}/sobjects/Account`, referenceId: 'second', body: {} },
    ],
  });
  assert.deepEqual(said.compositeResponse.map((one) => one.body[0].errorCode), ['PROCESSING_HALTED', 'REQUIRED_FIELD_MISSING']);
  assert.equal(await conn.sobject('Account').count({ Name: 'Undone' }), 0);
});

test('a batch', async () => {
  const said = await conn.requestPost('/composite/batch', {
    batchRequests: [
      { method: 'GET', url: `v${VERSION}/limits` },
      { method: 'GET', url: `v${VERSION}/sobjects/Account/001000000000001AAA` },
    ],
  });
  assert.deepEqual([said.hasErrors, ...said.results.map((one) => one.statusCode)], [true, 200, 404]);
});

test('a tree', async () => {
  const said = await conn.requestPost('/composite/tree/Account', {
    records: [
      {
        attributes: { type: 'Account', referenceId: 'a' },
        Name: 'Tree',
        Contacts: { records: [{ attributes: { type: 'Contact', referenceId: 'c' }, LastName: 'Leaf' }] },
      },
    ],
  });
  assert.deepEqual([said.hasErrors, ...said.results.map((one) => one.referenceId)], [false, 'a', 'c']);
  const leaf = await conn.query("SELECT Account.Name FROM Contact WHERE LastName = 'Leaf'");
  assert.equal(leaf.records[0].Account.Name, 'Tree');
});
