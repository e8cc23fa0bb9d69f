// nforce8: what the fork can do. It stumbles by itself over answers without a body and over errors,
// since it asks for the content type of an answer that has none, and for `res.txt()`.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import nforce8 from 'nforce8';

const env = process.env;
const org = nforce8.createConnection({
  clientId: env.SF_CLIENT_ID,
  clientSecret: env.SF_CLIENT_SECRET,
  redirectUri: 'http://localhost:1717/OauthRedirect',
  loginUri: `${env.SF_LOGIN_URL}/services/oauth2/token`,
  mode: 'single',
  apiVersion: `v${env.SF_API_VERSION}`,
});

before(() =>
  org.authenticate({ username: env.SF_USERNAME, password: env.SF_PASSWORD, securityToken: env.SF_SECURITY_TOKEN }),
);

test('records, by id and by an external id', async () => {
  const contact = nforce8.createSObject('Contact', { LastName: 'Lovelace' });
  const made = await org.insert({ sobject: contact });
  assert.equal(contact.getId(), made.id);
  const keyed = nforce8.createSObject('Contact', { LastName: 'Hopper' });
  keyed.setExternalId('External_Id__c', 'N-8');
  assert.equal((await org.upsert({ sobject: keyed })).success, true);
  assert.equal((await org.getRecord({ sobject: contact })).get('LastName'), 'Lovelace');
  const read = await org.query({ query: 'SELECT LastName FROM Contact ORDER BY LastName', fetchAll: true });
  assert.deepEqual(read.records.map((one) => one.get('lastname')), ['Hopper', 'Lovelace']);
});

test('what it asks of the org', async () => {
  assert.equal((await org.getIdentity()).organization_id, env.SF_ORG_ID);
  assert.equal((await org.getDescribe('Account')).name, 'Account');
  assert.ok((await org.getLimits()).DailyApiRequests.Max > 0);
  assert.deepEqual((await org.search('FIND {Nobody}')).searchRecords, []);
});
