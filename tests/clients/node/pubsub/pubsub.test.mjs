// The unmodified salesforce-pubsub-api-client: it logs in, subscribes by callback, publishes, and reads change events.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import PubSubApiClient from "salesforce-pubsub-api-client";

const env = process.env;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const options = { pubSubEndpoint: env.SF_PUBSUB_ENDPOINT, rejectUnauthorizedSsl: false };
const EVENT = "/event/Order__e";
let client;
const opened = [];

// A client keeps one stream a topic: each subscription of these tests has a client of its own.
async function connected(more = {}) {
    const made = new PubSubApiClient({ authType: "oauth-client-credentials", loginUrl: env.SF_LOGIN_URL, clientId: env.SF_CLIENT_ID, clientSecret: env.SF_CLIENT_SECRET, ...options, ...more }, quiet);
    await made.connect();
    opened.push(made);
    return made;
}

function received(topic, count, how) {
    const events = [];
    return new Promise((resolve, reject) => {
        const callback = (subscription, kind, data) => {
            if (kind === "event") {
                events.push(data);
            } else if (kind === "error" || kind === "grpcStatus" && data.code) {
                reject(new Error(`${kind}: ${JSON.stringify(data, (_, value) => (typeof value === "bigint" ? `${value}` : value))}`));
            }
            if (events.length === count) {
                resolve(events);
            }
        };
        how(topic, callback, count)?.catch?.(reject);
    });
}

const order = (number) => ({ CreatedDate: Date.now(), CreatedById: "005000000000000AAA", Number__c: { string: number }, Amount__c: { double: 1.5 }, When__c: null, Day__c: null, Urgent__c: true });

before(async () => {
    client = await connected();
});

after(() => {
    opened.forEach((one) => one.close());
    // Streams that nobody ends keep the process alive.
    setTimeout(() => process.exit(), 500);
});

test("what it publishes it gets, from the start and behind a replay id", async () => {
    const first = await client.publish(EVENT, order("1"), "mine");
    assert.equal(first.correlationKey, "mine");
    const second = await client.publish(EVENT, order("2"));
    assert.ok(second.replayId > first.replayId);
    const reader = await connected();
    const all = await received(EVENT, 2, (...rest) => reader.subscribeFromEarliestEvent(...rest));
    assert.deepEqual(all.map((event) => event.payload.Number__c), ["1", "2"]);
    assert.equal(all[0].replayId, first.replayId);
    assert.equal(all[0].payload.CreatedById, env.SF_USER_ID);
    const further = await connected();
    const later = await received(EVENT, 1, (topic, callback, count) => further.subscribeFromReplayId(topic, callback, count, first.replayId));
    assert.equal(later[0].payload.Number__c, "2");
});

test("a change comes with the names of what has changed", async () => {
    const topic = "/data/AccountChangeEvent";
    const changes = received(topic, 2, (...rest) => client.subscribeFromEarliestEvent(...rest));
    const url = `${env.SF_INSTANCE_URL}/services/data/v60.0/sobjects/Account`;
    const headers = { Authorization: `Bearer ${env.SF_ACCESS_TOKEN}`, "Content-Type": "application/json" };
    const made = await (await fetch(url, { method: "POST", headers, body: JSON.stringify({ Name: "Acme", Phone: "1" }) })).json();
    await fetch(`${url}/${made.id}`, { method: "PATCH", headers, body: JSON.stringify({ Phone: null, BillingCity: "Paris" }) });
    const [created, changed] = await changes;
    assert.equal(created.payload.ChangeEventHeader.changeType, "CREATE");
    assert.deepEqual(created.payload.ChangeEventHeader.recordIds, [made.id]);
    const header = changed.payload.ChangeEventHeader;
    assert.equal(header.changeType, "UPDATE");
    assert.ok(header.changedFields.includes("Phone") && header.changedFields.includes("BillingAddress.City"), `${header.changedFields}`);
    assert.deepEqual(header.nulledFields, ["Phone"]);
});

test("a managed subscription commits what it was given", async () => {
    const event = await client.publish(EVENT, order("3"));
    // It asks the org's own address about the subscription.
    const manager = await connected({ authType: "user-supplied", accessToken: env.SF_ACCESS_TOKEN, instanceUrl: env.SF_HTTPS_URL });
    const events = [];
    await new Promise((resolve, reject) => {
        manager.subscribeWithManagedSubscription("Mine", (subscription, kind, data) => {
            if (kind === "event") {
                events.push(data);
                if (data.replayId === event.replayId) {
                    manager.commitReplayId(subscription.subscriptionId, data.replayId);
                }
            } else if (kind === "grpcKeepalive" || kind === "lastEvent") {
                return;
            } else if (kind === "error") {
                reject(data);
            }
            if (events.length === 3) {
                resolve();
            }
        }, 3)?.catch?.(reject);
    });
    assert.equal(events.at(-1).payload.Number__c, "3");
});

test("an unknown topic is told by its status", async () => {
    await assert.rejects(async () => client.publish("/event/None__e", order("1")), (error) => /NOT_FOUND|not found/i.test(`${error} ${error.cause}`));
});

test("a token that was given is enough", async () => {
    const other = await connected({ authType: "user-supplied", accessToken: env.SF_ACCESS_TOKEN, instanceUrl: env.SF_HTTPS_URL });
    const got = await received(EVENT, 1, (...rest) => other.subscribeFromEarliestEvent(...rest));
    assert.equal(got.length, 1);
});
