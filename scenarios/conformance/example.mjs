// A client of Salesforce in JavaScript, without dependencies, that is right in every case of salesforce_retry.yaml:
//
//     sfmock conformance --run 'node example.mjs'
//
// It makes the one request of the file $SFMOCK_TASK, and exits with 0 for success and 1 for failure.
import { readFileSync } from "node:fs";

const ATTEMPTS = 4;
const BASE_MS = 100;
const TIMEOUT_MS = 5000;
const TRANSIENT = new Set(["UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG", "QUERY_TIMEOUT"]);

const env = process.env;
const task = JSON.parse(readFileSync(env.SFMOCK_TASK, "utf8"));
let token = env.SF_ACCESS_TOKEN;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// One request: {status, body}, or {lost: true} where no answer came that can be read.
async function request(method, path, body) {
  try {
    const answer = await fetch(env.SF_INSTANCE_URL + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.text();
    if (answer.headers.get("content-type")?.includes("json")) return { status: answer.status, body: JSON.parse(text) };
    return { status: answer.status, body: null };
  } catch {
    return { lost: true };
  }
}

async function login() {
  const form = { grant_type: "client_credentials", client_id: env.SF_CLIENT_ID, client_secret: env.SF_CLIENT_SECRET };
  const answer = await fetch(`${env.SF_LOGIN_URL}/services/oauth2/token`, {
    method: "POST",
    body: new URLSearchParams(form),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) return false;
  token = (await answer.json()).access_token;
  return true;
}

const code = (answer) => (Array.isArray(answer.body) ? answer.body[0]?.errorCode : undefined);

function passes(answer) {
  if (answer.lost) return true;
  if (code(answer) === "REQUEST_LIMIT_EXCEEDED") return answer.body[0].message.startsWith("ConcurrentRequests");
  return code(answer) ? TRANSIENT.has(code(answer)) : [429, 500, 502, 503, 504].includes(answer.status);
}

function succeeded(answer) {
  if (answer.lost || answer.status >= 300) return false;
  return !Array.isArray(answer.body) || answer.body.every((row) => row.success !== false);
}

// Look for the records that a lost create may have made.
async function landed() {
  const keys = task.keys.filter((key) => JSON.stringify(task.body).includes(key));
  const soql = `SELECT Id FROM ${task.sobject} WHERE ${task.key_field} IN (${keys.map((key) => `'${key}'`).join(",")})`;
  const found = await request("GET", `${task.path.split("/").slice(0, 4).join("/")}/query?q=${encodeURIComponent(soql)}`);
  return succeeded(found) && found.body.records.length === keys.length;
}

async function run() {
  const creates = task.operation.endsWith(".create");
  let renewed = false;
  let sent = false; // whether an earlier attempt may have been done
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const answer = await request(task.method, task.path, task.body);
    if (succeeded(answer)) return true;
    if (task.method === "DELETE" && sent && code(answer) === "ENTITY_IS_DELETED") return true;
    if (code(answer) === "INVALID_SESSION_ID" && !renewed) {
      renewed = true;
      if (!(await login())) return false;
      continue;
    }
    if (!passes(answer)) return false;
    if (answer.lost && creates) return landed();
    sent ||= Boolean(answer.lost) || answer.status === 504;
    await pause(BASE_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
  }
  return false;
}

process.exitCode = (await run()) ? 0 : 1;
