// Correct: a mirror with salesforce-pubsub-api-client. It asks for some events at a time, and for more when these are
// done; keeps the replay id of an order behind the work; subscribes anew from there, with a client of its own, whatever
// ends the stream; and knows an order that comes again.
//
// Broken with --on-receipt: it keeps the replay id as the event comes in.

import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { CHANNEL, environment, handle, keep, kept, logIn, ON_RECEIPT } from "./mirror.mjs";

// The packages lie beside the scripts of the client tests.
const require = createRequire(join(process.env.NODE_CLIENTS, "pubsub", "package.json"));
const { default: PubSubApiClient } = require("salesforce-pubsub-api-client");

const BATCH = 20;
const LONGEST = 400;
const UNAUTHENTICATED = 16;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

let token = environment.SF_ACCESS_TOKEN;
const waiting = [];
let wake = () => {};

// Resolves to the error that ended the stream, null where it ended well.
async function listen(alive) {
  const client = new PubSubApiClient(
    {
      authType: "user-supplied",
      accessToken: token,
      instanceUrl: environment.SF_INSTANCE_URL,
      pubSubEndpoint: environment.SF_PUBSUB_ENDPOINT,
      // It trusts the authorities that it brings along, and no other.
      rejectUnauthorizedSsl: false,
    },
    silent,
  );
  await client.connect();
  return new Promise((resolve) => {
    const over = (error) => {
      resolve(error);
      // Not before the stream has told all that it has to: without listeners an error ends the process.
      setTimeout(() => client.close(), 100);
    };
    const told = (subscription, kind, data) => {
      if (kind === "event") {
        alive();
        if (ON_RECEIPT) keep(data.replayId);
        waiting.push({ id: data.id, replayId: data.replayId });
      } else if (kind === "lastEvent") {
        waiting.push({ more: () => client.requestAdditionalEvents(CHANNEL, BATCH) });
      } else if (kind === "error") {
        over(data);
      } else if (kind === "end") {
        over(null);
      }
      wake();
    };
    const last = kept(null);
    if (last === null) client.subscribeFromEarliestEvent(CHANNEL, told, BATCH);
    else client.subscribeFromReplayId(CHANNEL, told, BATCH, last);
  });
}

async function listenOn() {
  let pause = 50;
  for (;;) {
    const error = await listen(() => (pause = 50));
    console.log(`the stream ended: ${error?.details ?? "in good order"}`);
    // What has come and is not done comes again.
    waiting.length = 0;
    if (error?.code === UNAUTHENTICATED) token = await logIn();
    await sleep(pause);
    pause = Math.min(pause * 2, LONGEST);
  }
}

async function work() {
  for (;;) {
    while (waiting.length) {
      const { id, replayId, more } = waiting.shift();
      if (more) {
        more();
        continue;
      }
      await handle(id, replayId, 20);
    }
    await new Promise((resolve) => (wake = resolve));
  }
}

process.on("SIGTERM", () => process.exit(0));
await Promise.all([listenOn(), work()]);
