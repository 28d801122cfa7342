//! What `stellwerk dev` prints: where things are, and commands to try.

/// Where things are. `base` is `http://127.0.0.1:PORT`.
pub fn places(base: &str, shards: usize, kept: Option<&str>) -> String {
    let kept = match kept {
        Some(directory) => format!("data in {directory}"),
        None => "nothing is kept".to_owned(),
    };
    let plural = if shards == 1 { "" } else { "s" };
    format!(
        "Stellwerk {}: a router and {shards} shard{plural} in this process, {kept}

  REST     {base}/engine-rest
  health   {base}/health/ready
  metrics  {base}/metrics
",
        env!("CARGO_PKG_VERSION")
    )
}

/// The next three commands to try, and a worker as an extra. A test runs them as they stand here.
pub fn commands(base: &str) -> String {
    let rest = format!("{base}/engine-rest");
    let json = "-H 'Content-Type: application/json'";
    format!(
        r#"Try, in another terminal:

# 1. start an order
curl -s {json} -d '{{"businessKey":"order-1"}}' {rest}/process-definition/key/Order_Process/start; echo

# 2. look at it
curl -s '{rest}/process-instance?businessKey=order-1'; echo

# 3. fetch its task, and complete it
task=$(curl -s {json} -d '{{"workerId":"me","maxTasks":1,"topics":[{{"topicName":"invoiceCreator","lockDuration":60000}}]}}' {rest}/external-task/fetchAndLock | grep -o '"id":"[^"]*"' | head -n 1 | cut -d '"' -f 4); echo "task $task"
curl -s -w '%{{http_code}}\n' {json} -d '{{"workerId":"me"}}' {rest}/external-task/$task/complete

# extra: a worker that completes every order, with Node.js
npm install camunda-external-task-client-js
node --input-type=module -e 'import {{ Client, logger }} from "camunda-external-task-client-js"; new Client({{ baseUrl: "{rest}", use: logger, workerId: "Client_1", asyncResponseTimeout: 10000 }}).subscribe("invoiceCreator", ({{ task, taskService }}) => taskService.complete(task));'

Ctrl-C stops it.
"#
    )
}
