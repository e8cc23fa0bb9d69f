// nforce by its callback-free face: log in, records, files, queries, and a session that ends.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import nforce from 'nforce';

const env = process.env;
const TOTAL = 2100;

function connection(more = {}) {
  return nforce.createConnection({
    clientId: env.SF_CLIENT_ID,
    clientSecret: env.SF_CLIENT_SECRET,
    redirectUri: 'http://localhost:1717/OauthRedirect',
    loginUri: `${env.SF_LOGIN_URL}/services/oauth2/token`,
    authEndpoint: `${env.SF_LOGIN_URL}/services/oauth2/authorize`,
    mode: 'single',
    apiVersion: env.SF_API_VERSION,
    ...more,
  });
}

const login = { username: env.SF_USERNAME, password: env.SF_PASSWORD, securityToken: env.SF_SECURITY_TOKEN };
const org = connection();

before(() => org.authenticate(login));

test('the token answer and the identity that it points at', async () => {
  assert.equal(org.oauth.token_type, 'Bearer');
  assert.equal(org.oauth.instance_url, env.SF_INSTANCE_URL);
  const identity = await org.getIdentity();
  assert.equal(identity.organization_id, env.SF_ORG_ID);
  assert.equal(identity.username, env.SF_USERNAME);
});

test('a wrong password', async () => {
  await assert.rejects(connection().authenticate({ ...login, password: 'wrong' }), {
    message: 'invalid_grant - authentication failure',
    statusCode: 400,
  });
});

test('a record from its creation to its end', async () => {
  const contact = nforce.createSObject('Contact', { LastName: 'Lovelace', Email: 'ada@example.com' });
  const made = await org.insert({ sobject: contact });
  assert.deepEqual([made.success, contact.getId()], [true, made.id]);
  contact.set('title', 'Countess');
  await org.update({ sobject: contact });
  const read = await org.getRecord({ type: 'contact', id: made.id, fields: ['Title', 'Name'] });
  assert.deepEqual([read.get('Title'), read.get('Name')], ['Countess', 'Lovelace']);
  await org.delete({ sobject: contact });
  await assert.rejects(org.getRecord({ type: 'contact', id: made.id }), { errorCode: 'ENTITY_IS_DELETED', statusCode: 404 });
});

test('upsert by an external id, in lower case as the client sends names', async () => {
  const row = () => {
    const contact = nforce.createSObject('Contact', { LastName: 'Hopper' });
    contact.setExternalId('External_Id__c', 'N-1');
    return contact;
  };
  const made = await org.upsert({ sobject: row() });
  assert.equal(made.created, true);
  const again = await org.upsert({ sobject: row() });
  assert.ok(again === undefined || again.created === false || again === '');
  const read = await org.getRecord({ type: 'contact', externalId: 'N-1', externalIdField: 'external_id__c' });
  assert.equal(read.get('LastName'), 'Hopper');
});

test('queries page to the end, with gzip too', async () => {
  for (let start = 0; start < TOTAL; start += 200) {
    await org.postUrl({
      url: `/services/data/v${env.SF_API_VERSION}/composite/sobjects`,
      body: {
        records: Array.from({ length: Math.min(200, TOTAL - start) }, (_, n) => ({
          attributes: { type: 'Account' },
          Name: `A${start + n}`,
        })),
      },
    });
  }
  const read = await org.query({ query: "SELECT Name FROM Account WHERE Name LIKE 'A%'", fetchAll: true });
  assert.equal(read.totalSize, TOTAL);
  assert.equal(new Set(read.records.map((one) => one.get('name'))).size, TOTAL);
  const packed = connection({ gzip: true, oauth: org.oauth });
  assert.equal((await packed.query({ query: 'SELECT COUNT() FROM Account' })).totalSize, TOTAL);
});

test('files go out in parts and come back byte for byte', async () => {
  const body = Buffer.from(Array.from({ length: 512 }, (_, n) => n % 256));
  const parent = nforce.createSObject('Account', { Name: 'Parent' });
  await org.insert({ sobject: parent });
  const file = nforce.createSObject('Attachment', {
    Name: 'bytes.bin',
    ParentId: parent.getId(),
    attachment: { fileName: 'bytes.bin', body },
  });
  const made = await org.insert({ sobject: file });
  assert.ok((await org.getBody({ type: 'Attachment', id: made.id })).equals(body));
  const version = nforce.createSObject('ContentVersion', {
    Title: 'Bytes',
    PathOnClient: 'bytes.bin',
    attachment: { fileName: 'bytes.bin', body },
  });
  const kept = await org.insert({ sobject: version });
  assert.ok((await org.getBody({ type: 'ContentVersion', id: kept.id })).equals(body));
});

test('what it asks of the org', async () => {
  assert.ok((await org.getResources()).sobjects.endsWith('/sobjects'));
  assert.ok((await org.getSObjects()).sobjects.length > 200);
  assert.equal((await org.getDescribe('Account')).name, 'Account');
  assert.equal((await org.getMetadata('Account')).objectDescribe.keyPrefix, '001');
  assert.ok((await org.getLimits()).DailyApiRequests.Max > 0);
  const identity = await org.getIdentity();
  assert.equal((await org.getPasswordStatus(identity.user_id)).isExpired, false);
});

test('search answers a list before version 37, an object since', async () => {
  await org.insert({ sobject: nforce.createSObject('Contact', { LastName: 'Zuse' }) });
  const found = await org.search('FIND {Zuse} RETURNING Contact(LastName)');
  assert.equal(found.searchRecords[0].LastName, 'Zuse');
  const old = connection({ apiVersion: '36.0', oauth: org.oauth });
  const list = await old.search('FIND {Zuse} RETURNING Contact(LastName)');
  assert.equal(list[0].LastName, 'Zuse');
});

test('a session that is not known is renewed, and the request sent again', async () => {
  const renewed = [];
  const other = connection({
    autoRefresh: true,
    onRefresh: (now, old, done) => {
      renewed.push(now.access_token);
      done();
    },
  });
  const oauth = await other.authenticate(login);
  oauth.access_token = 'unknown';
  other.oauth = oauth;
  assert.equal((await other.query({ query: 'SELECT Id FROM Organization' })).totalSize, 1);
  assert.equal(renewed.length, 1);
});

test('a wrong field is named', async () => {
  await assert.rejects(org.insert({ sobject: nforce.createSObject('Contact', { Nope: 1 }) }), {
    errorCode: 'INVALID_FIELD',
    statusCode: 400,
  });
});
