import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, env } from './setup.mjs';

const conn = connect();

test('describe of an object and of all', async () => {
  const contact = await conn.sobject('Contact').describe();
  assert.equal(contact.fields.find((one) => one.name === 'External_Id__c').externalId, true);
  const all = await conn.describeGlobal();
  assert.ok(all.sobjects.length > 300);
  assert.equal((await conn.describe$('Contact')).name, 'Contact');
});

test('layouts, compact layouts, approval layouts, list views, quick actions', async () => {
  const accounts = conn.sobject('Account');
  assert.ok((await accounts.layouts()).layouts.length > 0);
  assert.ok((await accounts.compactLayouts()).compactLayouts.length > 0);
  assert.deepEqual((await accounts.approvalLayouts()).approvalLayouts, []);
  assert.ok(Array.isArray((await accounts.listviews()).listviews));
  assert.ok(Array.isArray(await accounts.quickActions()));
});

test('limits, and the usage that comes with each answer', async () => {
  const limits = await conn.limits();
  assert.ok(limits.DailyApiRequests.Max > 0);
  assert.equal(conn.limitInfo.apiUsage.limit, limits.DailyApiRequests.Max);
});

test('any request', async () => {
  const version = await conn.request('/services/data');
  assert.equal(version.at(-1).version, '68.0');
  const resources = await conn.request(`/services/data/v62.0`);
  assert.match(resources.identity, new RegExp(`^http.*/id/${env.SF_ORG_ID}/005`));
  assert.ok(Array.isArray(await conn.recent()));
});
