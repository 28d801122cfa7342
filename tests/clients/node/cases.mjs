// A worker of an unmodified npm package, which does with a task what the task's variable `case` says.
// Usage: node cases.mjs PACKAGE BASE-URL WORKER-ID TOPIC [USER PASSWORD]
const [name, baseUrl, workerId, topic, username, password] = process.argv.slice(2);
const found = await import(name);
const { BasicAuthInterceptor, Client, Variables, logger } = { ...found.default, ...found };

const interceptors = username ? new BasicAuthInterceptor({ username, password }) : undefined;
const client = new Client({ baseUrl, workerId, interceptors, use: logger, asyncResponseTimeout: 5000, lockDuration: 60000 });
const seen = new Set();

/** All variables of the order under `echo…`, with their types. */
async function echo(task) {
  const variables = new Variables();
  for (const key of ["number", "text", "flag", "big", "ratio", "when", "data", "nothing"]) {
    variables.setTyped(`echo_${key}`, task.variables.getTyped(key));
  }
  const document = task.variables.get("document");
  await document.load();
  variables.set("echo_document", document.content.toString());
  return variables;
}

const cases = {
  async complete(task, service) {
    await service.complete(task, await echo(task), new Variables().set("mine", "local"));
  },
  async fail(task, service) {
    if (task.retries === 1) return service.complete(task);
    await service.handleFailure(task, { errorMessage: "not yet", errorDetails: "at line 1", retries: 1, retryTimeout: 1 });
  },
  async break(task, service) {
    if (task.retries !== null && task.retries !== undefined) return service.complete(task);
    await service.handleFailure(task, { errorMessage: "broken", errorDetails: "a stack", retries: 0, retryTimeout: 1 });
  },
  async refuse(task, service) {
    await service.handleBpmnError(task, "REFUSED", "no, thanks", new Variables().set("reason", "tired"));
  },
  async extend(task, service) {
    await service.extendLock(task, 120000);
    await service.complete(task);
  },
  async unlock(task, service) {
    if (seen.has(task.id)) return service.complete(task);
    seen.add(task.id);
    await service.unlock(task);
  },
};

client.subscribe(topic, async ({ task, taskService }) => cases[task.variables.get("case")](task, taskService));
