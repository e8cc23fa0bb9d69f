// Faye as it comes: it subscribes anew by itself after each handshake.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import faye from 'faye';
import { NOTES, ORDER, TOPIC, collector, env, publish, rest, strike, token } from './setup.mjs';

const open = [];

afterEach(() => Promise.allSettled(open.splice(0).map((client) => client.disconnect())));

/** Returns a client in a list: it has a `then` of its own, for which an `await` would wait in vain. */
async function client(replays = {}) {
  const made = new faye.Client(`${env.SF_INSTANCE_URL}/cometd/60.0/`);
  open.push(made);
  made.setHeader('Authorization', `OAuth ${await token()}`);
  made.addExtension({
    incoming(message, callback) {
      const id = message.data?.event?.replayId;
      if (id !== undefined && message.channel in replays) replays[message.channel] = id;
      callback(message);
    },
    outgoing(message, callback) {
      const replay = replays[message.subscription];
      if (message.channel === '/meta/subscribe' && replay !== undefined) {
        message.ext = { replay: { [message.subscription]: replay } };
      }
      callback(message);
    },
  });
  return [made];
}

const numbers = (messages) => messages.map((message) => message.payload.Number__c);

test('records and pushed texts reach one client by several channels', async () => {
  const heard = collector();
  const [one] = await client();
  await Promise.all(one.subscribe([TOPIC, NOTES], heard.take));
  await rest('POST', '/sobjects/Account', { Name: 'Acme' });
  assert.equal((await heard.next())[0].sobject.Name, 'Acme');
  const { records } = await rest('GET', `/query?q=${encodeURIComponent('SELECT Id FROM StreamingChannel')}`);
  const [pushed] = await rest('POST', `/sobjects/StreamingChannel/${records[0].Id}/push`, {
    pushEvents: [{ payload: 'hello', userIds: [] }],
  });
  assert.deepEqual(pushed, { fanoutCount: -1, userOnlineStatus: {} });
  assert.equal((await heard.next())[0].payload, 'hello');
});

for (const event of ['forget', { disconnect: 1 }]) {
  test(`nothing is missed and nothing told twice when the server says ${JSON.stringify(event)}`, async () => {
    const heard = collector();
    const [one] = await client({ [ORDER]: -1 });
    await one.subscribe(ORDER, heard.take);
    await publish(1);
    assert.deepEqual(numbers(await heard.next()), [1]);
    await strike(event);
    await publish(2, 3, 4);
    assert.deepEqual(numbers(await heard.next(3)), [2, 3, 4]);
  });
}

test('who unsubscribes is told nothing more', async () => {
  const [one] = await client();
  const [orders, texts] = [collector(), collector()];
  const subscription = one.subscribe(ORDER, orders.take);
  await subscription;
  await one.subscribe(TOPIC, texts.take);
  subscription.cancel();
  await publish(7);
  await rest('POST', '/sobjects/Account', { Name: 'Last' });
  assert.equal((await texts.next())[0].sobject.Name, 'Last');
  assert.deepEqual(orders.seen, []);
});

test('what is refused is an error with its words', async () => {
  const [one] = await client();
  await assert.rejects(
    Promise.resolve(one.subscribe('/event/Nothing__e', () => {})),
    (error) => error.message === '400::The channel you requested to subscribe to does not exist {/event/Nothing__e}',
  );
  await assert.rejects(Promise.resolve(one.publish(ORDER, { Number__c: 1 })));
});
