// What both scripts need: the mock's control plane, events, and a way to wait for what a client is told.
import assert from 'node:assert/strict';

export const env = process.env;
export const ORDER = '/event/Order__e';
export const TOPIC = '/topic/Accounts';
export const NOTES = '/u/Notes';

async function ask(url, method, body, headers = {}) {
  const reply = await fetch(url, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await reply.text();
  assert.ok(reply.ok, `${url}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

export const control = (path, body = {}) =>
  ask(`${env.SF_LOGIN_URL}/_mock/orgs/${env.SF_ORG_ID}/${path}`, 'POST', body);

/** A session of its own for each: one that ends is not that of the others. */
export const token = async () => (await control('tokens')).access_token;

export async function rest(method, path, body) {
  const headers = { Authorization: `Bearer ${await token()}` };
  return ask(`${env.SF_INSTANCE_URL}/services/data/v60.0${path}`, method, body, headers);
}

export async function publish(...numbers) {
  for (const number of numbers) await rest('POST', '/sobjects/Order__e', { Number__c: number });
}

/** Has the server do something to the next answer to a connect. */
export const strike = (event) => control('faults', { on: 'cometd.connect', event, when: { times: 1 } });

/** Collects what comes; `next(count)` resolves once so many have. */
export function collector() {
  const seen = [];
  let wake = () => {};
  return {
    seen,
    take: (one) => {
      seen.push(one);
      wake();
    },
    next: async (count = 1) => {
      while (seen.length < count) await new Promise((resolve) => (wake = resolve));
      return seen.splice(0, count);
    },
  };
}
