// What the consumers have in common: how far they have come, what they have done, and how they log in.

import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const CHANNEL = "/event/Order__e";
export const ON_RECEIPT = process.argv.includes("--on-receipt");
export const environment = process.env;

const notes = join(environment.SFMOCK_WORKDIR, "replay.json");
const effects = environment.SFMOCK_EFFECTS;
const lines = existsSync(effects) ? readFileSync(effects, "utf8").split("\n").filter(Boolean) : [];
const done = new Set(lines.map((line) => JSON.parse(line).event));

// Returns the replay id that was kept, or what stands for none.
export function kept(none) {
  return existsSync(notes) ? JSON.parse(readFileSync(notes, "utf8")) : none;
}

export function keep(replayId) {
  writeFileSync(`${notes}.new`, JSON.stringify(replayId));
  renameSync(`${notes}.new`, notes);
}

// Does the work of an order, once, and keeps its replay id behind it.
export async function handle(id, replayId, pause) {
  if (!done.has(id)) {
    await sleep(pause);
    appendFileSync(effects, `${JSON.stringify({ event: id })}\n`);
    done.add(id);
  }
  if (!ON_RECEIPT) keep(replayId);
}

// Returns a new access token.
export async function logIn() {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: environment.SF_CLIENT_ID,
    client_secret: environment.SF_CLIENT_SECRET,
  });
  const answer = await fetch(`${environment.SF_LOGIN_URL}/services/oauth2/token`, { method: "POST", body: form });
  return (await answer.json()).access_token;
}
