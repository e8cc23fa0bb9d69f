// CometD's own client: it handshakes anew by itself and subscribes in a batch; an extension keeps the replay ids.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { createRequire } from 'node:module';
import { ORDER, TOPIC, collector, control, env, publish, rest, strike, token } from './setup.mjs';

const require = createRequire(import.meta.url);
require('cometd-nodejs-client').adapt();
const { CometD } = require('cometd');
const open = [];

const goodbye = (client) => new Promise((done) => (client.isDisconnected() ? done() : client.disconnect(done)));

afterEach(() => Promise.all(open.splice(0).map(goodbye)));

/** Adds what Salesforce's guide has clients do: ask for replay, and remember per channel how far they are. */
function keepReplays(client, replays) {
  client.registerExtension('replay', {
    incoming(message) {
      const id = message.data?.event?.replayId;
      if (id !== undefined) replays[message.channel] = id;
      return message;
    },
    outgoing(message) {
      if (message.channel === '/meta/handshake') message.ext = { ...message.ext, replay: true };
      if (message.channel === '/meta/subscribe') message.ext = { ...message.ext, replay: replays };
      return message;
    },
  });
}

async function subscriber(channels, { replays = {}, append = false } = {}) {
  const client = new CometD();
  open.push(client);
  client.websocketEnabled = false;
  client.configure({
    url: `${env.SF_INSTANCE_URL}/cometd/60.0`,
    requestHeaders: { Authorization: `OAuth ${await token()}` },
    appendMessageTypeToURL: append,
  });
  keepReplays(client, replays);
  const heard = collector();
  const subscribed = collector();
  client.addListener('/meta/handshake', ({ successful }) => {
    if (!successful) return;
    client.batch(() => {
      for (const channel of channels) client.subscribe(channel, heard.take, subscribed.take);
    });
  });
  client.handshake();
  const replies = await subscribed.next(channels.length);
  return { client, heard, replies, replays };
}

const numbers = (messages) => messages.map((message) => message.data.payload.Number__c);

for (const append of [true, false]) {
  test(`several channels of one client ${append ? 'with' : 'without'} the message's type in the path`, async () => {
    const replays = { [ORDER]: -1, [TOPIC]: -1 };
    const { heard, replies } = await subscriber([ORDER, TOPIC], { replays, append });
    assert.deepEqual(replies.map((reply) => reply.successful), [true, true]);
    await publish(1);
    assert.deepEqual(numbers(await heard.next()), [1]);
    await rest('POST', '/sobjects/Account', { Name: 'Acme' });
    const [message] = await heard.next();
    assert.deepEqual([message.channel, message.data.event.type, message.data.sobject.Name], [TOPIC, 'created', 'Acme']);
  });
}

for (const event of ['forget', { disconnect: 1 }]) {
  test(`nothing is missed and nothing told twice when the server says ${JSON.stringify(event)}`, async () => {
    const { heard } = await subscriber([ORDER], { replays: { [ORDER]: -1 } });
    await publish(1);
    assert.deepEqual(numbers(await heard.next()), [1]);
    await strike(event);
    await publish(2, 3, 4);
    assert.deepEqual(numbers(await heard.next(3)), [2, 3, 4]);
  });
}

test('a replay id that was never given out is refused, and so is publishing', async () => {
  const { client, replies } = await subscriber([ORDER], { replays: { [ORDER]: 82 } });
  assert.match(replies[0].error, /^400::The replayId \{82\} you provided was invalid\./);
  const published = collector();
  client.publish(ORDER, { Number__c: 1 }, published.take);
  assert.equal((await published.next())[0].error.slice(0, 3), '403');
});

test('a server that is too busy for a subscription is asked again', async () => {
  await control('faults', { on: 'cometd.subscribe', error: 'SERVER_UNAVAILABLE', when: { times: 1 } });
  const { client, heard, replies } = await subscriber([ORDER], { replays: { [ORDER]: -1 } });
  assert.equal(replies[0].ext.sfdc.failureReason, '503::Server is too busy. Please try your request again later.');
  const again = collector();
  client.subscribe(ORDER, heard.take, again.take);
  assert.equal((await again.next())[0].successful, true);
  await publish(5);
  assert.deepEqual(numbers(await heard.next()), [5]);
});

test('a session that has ended disconnects the client', async () => {
  const { client } = await subscriber([ORDER], { replays: { [ORDER]: -1 } });
  const ended = collector();
  client.addListener('/meta/connect', (message) => message.successful || ended.take(message));
  await control('tokens/expire');
  const [message] = await ended.next();
  assert.deepEqual([message.error, message.advice.reconnect], ['401::Authentication invalid', 'none']);
});
