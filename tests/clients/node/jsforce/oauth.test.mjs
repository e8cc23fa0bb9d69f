import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consent } from './browser.mjs';
import { env, jsforce, oauth2, VERSION } from './setup.mjs';

const CALLBACK = 'http://localhost:1717/OauthRedirect';

async function loggedIn(more = {}) {
  const client = oauth2({ redirectUri: CALLBACK, ...more });
  const conn = new jsforce.Connection({ oauth2: client, version: VERSION });
  const back = await consent(client.getAuthorizationUrl({ scope: 'api id refresh_token', state: 'a b&c' }), CALLBACK);
  assert.equal(back.searchParams.get('state'), 'a b&c');
  const user = await conn.authorize(back.searchParams.get('code'));
  assert.equal(user.organizationId, env.SF_ORG_ID);
  return conn;
}

test('the web server flow, and a token that is renewed by the refresh token', async () => {
  const conn = await loggedIn();
  assert.equal((await conn.identity()).username, env.SF_USERNAME);
  assert.ok(conn.refreshToken);
  const renewed = [];
  conn.on('refresh', (token, answer) => renewed.push([token, answer.token_type]));
  const first = conn.accessToken;
  await conn.oauth2.revokeToken(first);
  assert.equal((await conn.query('SELECT Id FROM Organization')).totalSize, 1);
  assert.deepEqual(renewed, [[conn.accessToken, 'Bearer']]);
  assert.notEqual(conn.accessToken, first);
});

test('with a code verifier (PKCE)', async () => {
  const conn = await loggedIn({ useVerifier: true });
  assert.equal((await conn.query('SELECT Id FROM Organization')).totalSize, 1);
});

test('a code is good once', async () => {
  const client = oauth2({ redirectUri: CALLBACK });
  const back = await consent(client.getAuthorizationUrl(), CALLBACK);
  await client.requestToken(back.searchParams.get('code'));
  await assert.rejects(client.requestToken(back.searchParams.get('code')), { name: 'invalid_grant' });
});

test('who refuses is told so', async () => {
  const back = await consent(oauth2({ redirectUri: CALLBACK }).getAuthorizationUrl({ prompt: 'consent' }), CALLBACK, 'cancel');
  assert.equal(back.searchParams.get('error'), 'access_denied');
  assert.equal(back.searchParams.get('error_description'), 'end-user denied authorization');
});

test('logout revokes', async () => {
  const conn = await loggedIn();
  const { accessToken } = conn;
  await conn.logout(true);
  const again = new jsforce.Connection({ instanceUrl: env.SF_INSTANCE_URL, accessToken, version: VERSION });
  await assert.rejects(again.query('SELECT Id FROM User'), { errorCode: 'INVALID_SESSION_ID' });
});
