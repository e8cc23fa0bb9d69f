import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, env, jsforce, oauth2, VERSION } from './setup.mjs';

test('user name and password over SOAP', async () => {
  const conn = new jsforce.Connection({ loginUrl: env.SF_LOGIN_URL, version: VERSION });
  const user = await conn.login(env.SF_USERNAME, env.SF_PASSWORD + env.SF_SECURITY_TOKEN);
  assert.equal(user.organizationId.slice(0, 15), env.SF_ORG_ID.slice(0, 15));
  assert.ok(conn.accessToken.startsWith(env.SF_ORG_ID.slice(0, 15)));
  assert.equal(conn.instanceUrl, env.SF_LOGIN_URL);
  assert.equal((await conn.query('SELECT Id FROM Organization')).totalSize, 1);
  await conn.logout();
});

test('a wrong password is INVALID_LOGIN', async () => {
  const conn = new jsforce.Connection({ loginUrl: env.SF_LOGIN_URL, version: VERSION });
  await assert.rejects(conn.login(env.SF_USERNAME, 'wrong'), /INVALID_LOGIN: Invalid username, password, security token/);
});

test('user name and password over OAuth', async () => {
  const conn = new jsforce.Connection({ oauth2: oauth2(), version: VERSION });
  const user = await conn.login(env.SF_USERNAME, env.SF_PASSWORD);
  assert.equal(user.organizationId, env.SF_ORG_ID);
  assert.match(user.url, new RegExp(`/id/${env.SF_ORG_ID}/005`));
});

test('a wrong OAuth password is invalid_grant', async () => {
  const conn = new jsforce.Connection({ oauth2: oauth2(), version: VERSION });
  await assert.rejects(conn.login(env.SF_USERNAME, 'wrong'), (error) => {
    assert.equal(error.name, 'invalid_grant');
    assert.equal(error.message, 'authentication failure');
    return true;
  });
});

test('client credentials', async () => {
  const conn = new jsforce.Connection({ oauth2: oauth2({ loginUrl: env.SF_INSTANCE_URL }), version: VERSION });
  await conn.authorize({ grant_type: 'client_credentials' });
  assert.equal((await conn.identity()).username, env.SF_USERNAME);
});

test('identity', async () => {
  const me = await connect().identity();
  assert.equal(me.organization_id, env.SF_ORG_ID);
  assert.equal(me.username, env.SF_USERNAME);
  assert.match(me.urls.rest, /\/services\/data\/v\{version\}\/$/);
});

test('an ended session of a password login is renewed, and the call is made again', async () => {
  const conn = new jsforce.Connection({ oauth2: oauth2(), version: VERSION });
  await conn.login(env.SF_USERNAME, env.SF_PASSWORD);
  const renewed = [];
  conn.on('refresh', (token) => renewed.push(token));
  const first = conn.accessToken;
  await oauth2().revokeToken(first);
  assert.equal((await conn.query('SELECT Id FROM Organization')).totalSize, 1);
  assert.deepEqual(renewed, [conn.accessToken]);
  assert.notEqual(conn.accessToken, first);
});

test('a session that cannot be renewed is an error with its code', async () => {
  await assert.rejects(connect({ accessToken: `${env.SF_ORG_ID.slice(0, 15)}!nobody` }).query('SELECT Id FROM User'), (error) => {
    assert.equal(error.errorCode, 'INVALID_SESSION_ID');
    assert.equal(error.message, 'Session expired or invalid');
    return true;
  });
});
