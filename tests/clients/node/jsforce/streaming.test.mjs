// Streaming as jsforce has it: topics, channels, and Faye clients with its extensions for replay and lost sessions.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, test } from 'node:test';
import { StreamingExtension } from 'jsforce/lib/api/streaming.js';
import { connect, env } from './setup.mjs';

const ORDER = '/event/Order__e';
const conn = connect();
const open = [];

// The last test has ended the session: nobody can say goodbye any more.
after(() => Promise.allSettled(open.map((client) => client.disconnect())));

/** Asks the control plane; the connection does not keep the process alive. */
async function control(method, path, body) {
  const url = `${env.SF_LOGIN_URL}/_mock/orgs/${env.SF_ORG_ID}/${path}`;
  const request = http.request(url, { method, agent: false, headers: { 'Content-Type': 'application/json' } });
  request.end(JSON.stringify(body));
  const [reply] = await once(request, 'response');
  reply.resume();
  assert.ok(reply.statusCode < 300, `${path}: ${reply.statusCode}`);
}

async function publish(...numbers) {
  for (const number of numbers) {
    const made = await conn.sobject('Order__e').create({ Number__c: number });
    assert.equal(made.success, true);
  }
}

/** Collects what a channel tells; `next(count)` resolves once so many have come. */
function collector() {
  const seen = [];
  let wake = () => {};
  return {
    take: (message) => {
      seen.push(message);
      wake();
    },
    next: async (count) => {
      while (seen.length < count) await new Promise((resolve) => (wake = resolve));
      return seen.splice(0, count);
    },
  };
}

function faye(...extensions) {
  const client = conn.streaming.createClient(extensions);
  open.push(client);
  return client;
}

const numbers = (messages) => messages.map((message) => message.payload.Number__c);

test('a topic tells of records', async () => {
  const topic = { Name: 'Accounts', Query: 'SELECT Id, Name FROM Account', ApiVersion: 60, NotifyForFields: 'All' };
  assert.equal((await conn.sobject('PushTopic').create(topic)).success, true);
  const heard = collector();
  await conn.streaming.topic('Accounts').subscribe(heard.take);
  await conn.sobject('Account').create({ Name: 'Acme' });
  const [message] = await heard.next(1);
  assert.deepEqual([message.event.type, message.sobject.Name], ['created', 'Acme']);
  open.push(conn.streaming._fayeClients.pushTopic);
});

test('a channel is pushed to, and tells', async () => {
  assert.equal((await conn.sobject('StreamingChannel').create({ Name: '/u/News' })).success, true);
  const heard = collector();
  const channel = conn.streaming.channel('/u/News');
  await channel.subscribe(heard.take);
  await channel.push({ payload: 'hello', userIds: [] });
  assert.equal((await heard.next(1))[0].payload, 'hello');
  open.push(conn.streaming._fayeClients.generic);
});

test('events are replayed from the beginning, and from an id', async () => {
  await publish(1, 2, 3);
  const all = collector();
  await faye(new StreamingExtension.Replay(ORDER, -2)).subscribe(ORDER, all.take);
  const messages = await all.next(3);
  assert.deepEqual(numbers(messages), [1, 2, 3]);
  const rest = collector();
  await faye(new StreamingExtension.Replay(ORDER, messages[0].event.replayId)).subscribe(ORDER, rest.take);
  assert.deepEqual(numbers(await rest.next(2)), [2, 3]);
});

test('an id that was never given out is refused', async () => {
  const client = faye(new StreamingExtension.Replay(ORDER, 82));
  await assert.rejects(
    Promise.resolve(client.subscribe(ORDER, () => {})),
    (error) => error.message.startsWith('400::The replayId {82} you provided was invalid.'),
  );
});

test('a channel that there is not is refused', async () => {
  await assert.rejects(
    Promise.resolve(faye().subscribe('/event/Nothing__e', () => {})),
    (error) => error.message === '400::The channel you requested to subscribe to does not exist {/event/Nothing__e}',
  );
});

test('a client that the server has forgotten goes on by itself, from where it was', async () => {
  const heard = collector();
  await faye(new StreamingExtension.Replay(ORDER, -1)).subscribe(ORDER, heard.take);
  await publish(10);
  assert.deepEqual(numbers(await heard.next(1)), [10]);
  await control('POST', 'faults', { on: 'cometd.connect', event: 'forget', when: { times: 1 } });
  await publish(11, 12);
  assert.deepEqual(numbers(await heard.next(2)), [11, 12]);
});

test('a session that ends is told to who asked for it', async () => {
  const failed = collector();
  await faye(new StreamingExtension.AuthFailure(failed.take)).subscribe(ORDER, () => {});
  await control('POST', 'tokens/expire', {});
  const [message] = await failed.next(1);
  assert.equal(message.error, '401::Authentication invalid');
  const denied = collector();
  const late = faye(new StreamingExtension.AuthFailure(denied.take));
  late.subscribe(ORDER, () => {});
  assert.equal((await denied.next(1))[0].ext.sfdc.failureReason, '401::Authentication invalid');
});
