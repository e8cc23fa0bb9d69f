// No library of Salesforce's: @grpc/grpc-js and avro-js against the protocol's own file, by TLS with the CA.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import avro from "avro-js";

const env = process.env;
const EVENT = "/event/Order__e";
const definition = protoLoader.loadSync(env.PUBSUB_PROTO, { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true });
const { PubSub } = grpc.loadPackageDefinition(definition).eventbus.v1;
const authority = readFileSync(env.PUBSUB_CA);
const clients = [];
let stub, schemaId, type;

// Salesforce's own examples send the three headers as credentials of each call, which gRPC gives to secure channels alone.
function client(changed = {}, roots = authority) {
    const callCredentials = grpc.credentials.createFromMetadataGenerator((_, callback) => {
        const metadata = new grpc.Metadata();
        const headers = { accesstoken: env.SF_ACCESS_TOKEN, instanceurl: env.SF_HTTPS_URL, tenantid: env.SF_ORG_ID, ...changed };
        Object.entries(headers).forEach(([name, value]) => metadata.set(name, value));
        callback(null, metadata);
    });
    const secure = grpc.credentials.combineChannelCredentials(grpc.credentials.createSsl(roots), callCredentials);
    const made = new PubSub(env.SF_PUBSUB_ENDPOINT, secure);
    clients.push(made);
    return made;
}

const unary = (made, name, request) => new Promise((resolve, reject) => {
    made[name](request, { deadline: Date.now() + 20000 }, (error, answer) => (error ? reject(error) : resolve(answer)));
});

const order = (number) => ({ CreatedDate: Date.now(), CreatedById: env.SF_USER_ID, Number__c: { string: number }, Amount__c: { double: 1.5 }, When__c: null, Day__c: null, Urgent__c: true });

const publish = (...numbers) => unary(stub, "Publish", {
    topic_name: EVENT,
    events: numbers.map((number) => ({ id: number, schema_id: schemaId, payload: type.toBuffer(order(number)) })),
});

// Reads so many events of a subscription, asking for `step` at a time, and for more when those have come.
function received(request, count, step) {
    const found = [], pending = [];
    const call = stub.Subscribe();
    call.write({ topic_name: EVENT, num_requested: step, ...request });
    return new Promise((resolve, reject) => {
        call.on("data", (answer) => {
            found.push(...answer.events);
            pending.push(answer.pending_num_requested);
            if (found.length >= count) {
                call.cancel();
                resolve({ found, pending });
            } else if (answer.pending_num_requested === 0) {
                call.write({ topic_name: EVENT, num_requested: step });
            }
        });
        call.on("error", (error) => (error.code === grpc.status.CANCELLED ? undefined : reject(error)));
    });
}

before(async () => {
    stub = client();
    const topic = await unary(stub, "GetTopic", { topic_name: EVENT });
    assert.deepEqual([topic.topic_name, topic.can_publish, topic.can_subscribe], [EVENT, true, true]);
    const schema = await unary(stub, "GetSchema", { schema_id: topic.schema_id });
    schemaId = topic.schema_id;
    type = avro.parse(schema.schema_json, { registry: {} });
});

after(() => clients.forEach((one) => one.close()));

test("what is published is read back as Avro, a few at a time", async () => {
    const { results } = await publish("1", "2", "3", "4", "5");
    assert.deepEqual(results.map((one) => [one.error, one.correlation_key]), ["1", "2", "3", "4", "5"].map((number) => [null, number]));
    const { found, pending } = await received({ replay_preset: "EARLIEST" }, 5, 2);
    assert.deepEqual(found.map((one) => type.fromBuffer(one.event.payload).Number__c.string), ["1", "2", "3", "4", "5"]);
    assert.ok(found.every((one) => one.event.schema_id === schemaId && one.event.id));
    assert.ok(pending.every((one) => one >= 0 && one < 2));
    // The eight bytes are a number, the same that CometD tells.
    const ids = found.map((one) => one.replay_id.readBigUInt64BE());
    assert.deepEqual(ids, results.map((one) => one.replay_id.readBigUInt64BE()));
    const later = await received({ replay_preset: "CUSTOM", replay_id: found[2].replay_id }, 2, 10);
    assert.deepEqual(later.found.map((one) => type.fromBuffer(one.event.payload).Number__c.string), ["4", "5"]);
});

test("a stream publishes request by request", async () => {
    const call = stub.PublishStream();
    const answers = [];
    const ended = new Promise((resolve, reject) => {
        call.on("data", (answer) => {
            answers.push(answer);
            answers.length === 2 ? call.end() : call.write({ topic_name: EVENT, events: [{ id: "b", schema_id: schemaId, payload: type.toBuffer(order("b")) }] });
        });
        call.on("error", reject);
        call.on("end", resolve);
    });
    call.write({ topic_name: EVENT, events: [{ id: "a", schema_id: schemaId, payload: type.toBuffer(order("a")) }] });
    await ended;
    assert.deepEqual(answers.map((one) => one.results[0].correlation_key), ["a", "b"]);
});

const refusal = (promise) => promise.then(() => assert.fail("it was granted"), (error) => error);

test("errors are statuses with the trailers of the service", async () => {
    const cases = [
        [stub, { topic_name: "/event/None__e" }, grpc.status.NOT_FOUND, "topic.not.found"],
        [client({ accesstoken: "00D!x" }), { topic_name: EVENT }, grpc.status.UNAUTHENTICATED, "service.auth.error"],
        [client({ tenantid: "" }), { topic_name: EVENT }, grpc.status.UNAUTHENTICATED, "service.auth.headers.invalid"],
    ];
    for (const [made, request, status, code] of cases) {
        const error = await refusal(unary(made, "GetTopic", request));
        assert.equal(error.code, status, `${error}`);
        assert.deepEqual(error.metadata.get("error-code"), [`sfdc.platform.eventbus.grpc.${code}`]);
        assert.ok(error.details.endsWith(`rpcId: ${error.metadata.get("rpc-id")[0]}`), error.details);
    }
    const corrupt = await refusal(received({ replay_preset: "CUSTOM", replay_id: Buffer.from("12345") }, 1, 1));
    assert.equal(corrupt.code, grpc.status.INVALID_ARGUMENT);
    assert.deepEqual(corrupt.metadata.get("error-code"), ["sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted"]);
});

test("who trusts other authorities alone gets no further", async () => {
    const error = await refusal(unary(client({}, null), "GetTopic", { topic_name: EVENT }));
    assert.equal(error.code, grpc.status.UNAVAILABLE, `${error}`);
});
