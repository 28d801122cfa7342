// Orders through the unmodified client that @visaright generated from Camunda's OpenAPI document: start, query, work, fail,
// BPMN error, incident, correlate, complete. The package can't send files from Node, so the model is deployed already.
// Usage: node order.mjs BASE-URL NAME [USER PASSWORD]
import assert from "node:assert/strict";
import * as camunda from "@visaright/camunda-rest-client";

const [basePath, name, username, password] = process.argv.slice(2);
const api = camunda.default ?? camunda;
// The document of its release declares no authentication, so user and password go to the HTTP library below it.
const baseOptions = username ? { auth: { username, password } } : {};
const configuration = new api.Configuration({ basePath, baseOptions });
const [definitions, instances, externals, messages, tasks, incidents, history] = [
  "ProcessDefinitionApi", "ProcessInstanceApi", "ExternalTaskApi", "MessageApi", "TaskApi", "IncidentApi",
  "HistoricProcessInstanceApi",
].map((kind) => new api[kind](configuration));

const variables = { topic: { value: name, type: "String" }, number: { value: 7, type: "Integer" } };
const start = async (businessKey) => (await definitions.startProcessInstanceByKey({
  key: "client-order", startProcessInstanceDto: { businessKey, variables, withVariablesInReturn: true },
})).data;
const fetch = async (maxTasks) => (await externals.fetchAndLock({ fetchExternalTasksDto: {
  workerId: name, maxTasks, usePriority: true, asyncResponseTimeout: 5000, topics: [{ topicName: name, lockDuration: 60000 }],
} })).data;

const keys = [1, 2, 3, 4, 5, 6].map((number) => `${name} ${number} ä/&+`);
const started = [];
for (const key of keys) started.push(await start(key));
assert.equal(started[0].businessKey, keys[0]);
assert.equal(started[0].variables.number.value, 7);
const found = (await instances.getProcessInstances({ businessKey: keys[1] })).data;
assert.deepEqual(found.map(({ id }) => id), [started[1].id]);
const count = (await instances.queryProcessInstancesCount({ processInstanceQueryDto: {
  variables: [{ name: "topic", operator: "eq", value: name }] } })).data;
assert.equal(count.count, keys.length);

// Another poll brings what a shard may not have given in the first.
const fetched = [];
while (fetched.length < keys.length) {
  const more = await fetch(keys.length);
  assert.ok(more.length, "work is left");
  fetched.push(...more);
}
const task = (key) => fetched.find(({ businessKey }) => businessKey === key);
assert.equal(task(keys[0]).priority, 7);
assert.equal(task(keys[0]).variables.number.value, 7);
await externals.extendLock({ id: task(keys[0]).id, extendLockOnExternalTaskDto: { workerId: name, newDuration: 90000 } });
for (const key of [keys[0], keys[1]]) {
  const answer = await externals.completeExternalTaskResource({ id: task(key).id, completeExternalTaskDto: {
    workerId: name, variables: { sum: { value: 8, type: "Integer" } } } });
  assert.equal(answer.status, 204);
}
await externals.handleExternalTaskBpmnError({ id: task(keys[2]).id, externalTaskBpmnError: {
  workerId: name, errorCode: "REFUSED", errorMessage: "no, thanks" } });
await externals.handleFailure({ id: task(keys[3]).id, externalTaskFailureDto: {
  workerId: name, errorMessage: "broken", errorDetails: "a stack", retries: 0, retryTimeout: 0 } });
const incident = (await incidents.getIncidents({ processInstanceId: started[3].id })).data;
assert.deepEqual(incident.map((row) => [row.incidentType, row.incidentMessage, row.configuration]),
  [["failedExternalTask", "broken", task(keys[3]).id]]);
await externals.setExternalTaskResourceRetries({ id: task(keys[3]).id, retriesDto: { retries: 1 } });
await externals.unlock({ id: task(keys[4]).id });
// The package throws the body of an error as a text.
await assert.rejects(
  externals.completeExternalTaskResource({ id: task(keys[2]).id, completeExternalTaskDto: { workerId: name } }),
  /^Error: {"type":"RestException","message":"External task with id .* does not exist","code":0}$/);

for (const key of [keys[0], keys[1]]) {
  const { data } = await messages.deliverMessage({ correlationMessageDto: {
    messageName: "order-confirmed", businessKey: key, resultEnabled: true, processVariables: { by: { value: name } } } });
  assert.equal(data[0].resultType, "Execution");
}
await assert.rejects(messages.deliverMessage({ correlationMessageDto: { messageName: "order-confirmed", businessKey: keys[0] } }),
  /MismatchingMessageCorrelationException/);

const query = { processInstanceBusinessKeyIn: keys, candidateGroup: "sales", sorting: [{ sortBy: "created", sortOrder: "asc" }] };
const work = (await tasks.queryTasks({ firstResult: 0, maxResults: 10, taskQueryDto: query })).data;
assert.deepEqual(work.map(({ processInstanceId }) => processInstanceId), [started[0].id, started[1].id]);
await tasks.claim({ id: work[0].id, userIdDto: { userId: name } });
await tasks.complete({ id: work[0].id, completeTaskDto: { variables: { checked: { value: true } }, withVariablesInReturn: true } });
const ended = (await history.getHistoricProcessInstance({ id: started[0].id })).data;
assert.equal(ended.state, "COMPLETED");
for (const { id } of started.filter((_, at) => ![0, 2].includes(at))) await instances.deleteProcessInstance({ id });
const left = (await history.getHistoricProcessInstancesCount({ processInstanceIds: started.map(({ id }) => id).join(","), unfinished: true })).data;
assert.equal(left.count, 0);
console.log("done");
