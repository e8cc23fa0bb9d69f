// Correct: a mirror with jsforce's streaming. It keeps the replay id of an order when its work is done, begins anew from
// there whatever ends the stream, and knows an order that comes again.
//
// Broken with --on-receipt: it keeps the replay id as the event comes in.

import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

// The packages lie beside the scripts of the client tests.
const require = createRequire(join(process.env.NODE_CLIENTS, "package.json"));
const jsforce = require("jsforce");
const { StreamingExtension } = require("jsforce/lib/api/streaming");

const CHANNEL = "/event/Order__e";
const ON_RECEIPT = process.argv.includes("--on-receipt");
const environment = process.env;
const notes = join(environment.SFMOCK_WORKDIR, "replay.json");
const effects = environment.SFMOCK_EFFECTS;

let kept = existsSync(notes) ? JSON.parse(readFileSync(notes, "utf8")) : -2;
let token = environment.SF_ACCESS_TOKEN;
let client;
const lines = existsSync(effects) ? readFileSync(effects, "utf8").split("\n").filter(Boolean) : [];
const done = new Set(lines.map((line) => JSON.parse(line).event));
const waiting = [];
let wake = () => {};

function keep(replayId) {
  kept = replayId;
  writeFileSync(`${notes}.new`, JSON.stringify(kept));
  renameSync(`${notes}.new`, notes);
}

async function logIn() {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: environment.SF_CLIENT_ID,
    client_secret: environment.SF_CLIENT_SECRET,
  });
  const answer = await fetch(`${environment.SF_LOGIN_URL}/services/oauth2/token`, { method: "POST", body: form });
  token = (await answer.json()).access_token;
}

function listen() {
  const connection = new jsforce.Connection({
    instanceUrl: environment.SF_INSTANCE_URL,
    accessToken: token,
    version: "60.0",
  });
  const replay = new StreamingExtension.Replay(CHANNEL, kept);
  // The extension notes what has come in; subscribe from what is done.
  const careful = {
    outgoing(message, callback) {
      if (message.channel === "/meta/subscribe") replay.setReplay(kept);
      callback(message);
    },
  };
  const refused = new StreamingExtension.AuthFailure(async () => {
    client.disconnect();
    await logIn();
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
      const data = waiting.shift();
      if (!done.has(data.event.EventUuid)) {
        await sleep(10);
        appendFileSync(effects, `${JSON.stringify({ event: data.event.EventUuid })}\n`);
        done.add(data.event.EventUuid);
      }
      if (!ON_RECEIPT) keep(data.event.replayId);
    }
    await new Promise((resolve) => (wake = resolve));
  }
}

process.on("SIGTERM", () => process.exit(0));
listen();
await work();
