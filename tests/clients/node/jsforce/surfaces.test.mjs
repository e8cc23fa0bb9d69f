import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, env } from './setup.mjs';

const conn = connect();

test('the Tooling API', async () => {
  const entities = await conn.tooling.query("SELECT QualifiedApiName, Label FROM EntityDefinition WHERE QualifiedApiName = 'Contact'");
  assert.deepEqual(entities.records.map((one) => [one.QualifiedApiName, one.Label]), [['Contact', 'Contact']]);
  const fields = await conn.tooling
    .sobject('FieldDefinition')
    .find({ 'EntityDefinition.QualifiedApiName': 'Contact', QualifiedApiName: 'External_Id__c' }, ['DataType']);
  assert.equal(fields[0].DataType.slice(0, 8), 'Text(64)');
  assert.equal((await conn.tooling.query('SELECT Id FROM ApexClass')).totalSize, 0);
  assert.ok((await conn.tooling.describeGlobal()).sobjects.some((one) => one.name === 'ApexClass'));
});

test('Apex is not run, and that is told', async () => {
  const said = await conn.tooling.executeAnonymous("System.debug('hello');");
  assert.deepEqual([said.compiled, said.success], [false, false]);
});

test('Chatter knows the user', async () => {
  const me = await conn.chatter.resource('/users/me').retrieve();
  assert.equal(me.username ?? me.email, me.username ? env.SF_USERNAME : me.email);
  assert.match(me.id, /^005/);
});

test('reports and dashboards', async () => {
  assert.deepEqual(await conn.analytics.reports(), []);
  assert.deepEqual(await conn.analytics.dashboards(), []);
});

test('process rules and approvals', async () => {
  assert.deepEqual(await conn.process.rule.list(), {});
  assert.deepEqual(await conn.process.approval.list(), {});
});

test('quick actions, tabs, theme', async () => {
  assert.ok(Array.isArray(await conn.quickActions()));
  assert.ok(Array.isArray(await conn.tabs()));
  assert.ok((await conn.theme()).themeItems.length > 0);
});

test('an Apex REST endpoint', async () => {
  assert.deepEqual(await conn.apex.get('/greeting/Mary'), { hello: 'Mary' });
  assert.deepEqual(await conn.apex.post('/greeting/Mary', { polite: true }), { hello: 'Mary' });
  await assert.rejects(conn.apex.get('/nothing/here'), { errorCode: 'NOT_FOUND' });
});
