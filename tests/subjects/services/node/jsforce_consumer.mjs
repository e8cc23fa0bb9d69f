// Correct: a mirror with jsforce's streaming. It keeps the replay id of an order when its work is done, begins anew from
// there whatever ends the stream, and knows an order that comes again.
//
// Broken with --on-receipt: it keeps the replay id as the event comes in.

import { createRequire } from "node:module";
import { join } from "node:path";

import { CHANNEL, environment, handle, keep, kept, logIn, ON_RECEIPT } from "./mirror.mjs";

// The packages lie beside the scripts of the client tests.
const require = createRequire(join(process.env.NODE_CLIENTS, "package.json"));
const jsforce = require("jsforce");
const { StreamingExtension } = require("jsforce/lib/api/streaming");

const EARLIEST = -2;
let token = environment.SF_ACCESS_TOKEN;
let client;
const waiting = [];
let wake = () => {};

function listen() {
  const connection = new jsforce.Connection({
    instanceUrl: environment.SF_INSTANCE_URL,
    accessToken: token,
    version: "60.0",
  });
  const replay = new StreamingExtension.Replay(CHANNEL, kept(EARLIEST));
  // The extension notes what has come in; subscribe from what is done.
  const careful = {
    outgoing(message, callback) {
      if (message.channel === "/meta/subscribe") replay.setReplay(kept(EARLIEST));
      callback(message);
    },
  };
  const refused = new StreamingExtension.AuthFailure(async () => {
    client.disconnect();
    token = await logIn();
    listen();
  });
  client = connection.streaming.createClient([refused, careful, replay]);
  client.setHeader("User-Agent", "order-mirror/1.0");
  client.disable("websocket");
  client.subscribe(CHANNEL, (data) => {
    if (ON_RECEIPT) keep(data.event.replayId);
    waiting.push(data);
    wake();
  });
}

async function work() {
  for (;;) {
    while (waiting.length) {
      const { event } = waiting.shift();
      await handle(event.EventUuid, event.replayId, 10);
    }
    await new Promise((resolve) => (wake = resolve));
  }
}

process.on("SIGTERM", () => process.exit(0));
listen();
await work();
