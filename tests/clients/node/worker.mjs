// A worker of the unmodified npm package. Usage: node worker.mjs BASE-URL WORKER-ID TOPIC [USER PASSWORD]
// Prints one line of JSON per task that it completed, and what the package's own logger prints.
import { BasicAuthInterceptor, Client, logger } from "newest";

const [baseUrl, workerId, topic, username, password] = process.argv.slice(2);
const interceptors = username ? new BasicAuthInterceptor({ username, password }) : undefined;
const client = new Client({ baseUrl, workerId, interceptors, use: logger, asyncResponseTimeout: 10000 });

client.subscribe(topic, async ({ task, taskService }) => {
  await taskService.complete(task);
  console.log(JSON.stringify({ completed: task.id, instance: task.processInstanceId, worker: workerId }));
});
