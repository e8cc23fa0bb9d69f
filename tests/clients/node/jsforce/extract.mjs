// Extracts contacts and accounts by query jobs of jsforce, and notes each record that it takes in.
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import jsforce from "jsforce";

const env = process.env;
const connection = new jsforce.Connection({
  instanceUrl: env.SF_INSTANCE_URL,
  accessToken: env.SF_ACCESS_TOKEN,
  version: env.SF_API_VERSION,
  callOptions: { client: "extract" },
});
const effects = createWriteStream(env.SFMOCK_EFFECTS, { flags: "a" });
for (const [sobject, field] of [["Contact", "LastName"], ["Account", "Name"]]) {
  const records = await connection.bulk2.query(`SELECT Id, ${field} FROM ${sobject}`);
  for await (const record of records) {
    effects.write(`${JSON.stringify({ sobject, id: record.Id, record })}\n`);
  }
}
effects.end();
await finished(effects);
