package stellwerk.delegates;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;

/** The REST calls of a worker. */
final class EngineClient {
  /** How long a request for tasks waits at the engine, in milliseconds. */
  private static final int POLL = 20_000;

  private final HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
  private final String base;
  private final String worker;
  private final String authorization;

  /**
   * @param base the REST root, {@code http://HOST:PORT/engine-rest}
   * @param credentials {@code USER:PASSWORD}, or {@code null} without authentication
   */
  EngineClient(String base, String worker, String credentials) {
    this.base = base.endsWith("/") ? base.substring(0, base.length() - 1) : base;
    this.worker = worker;
    this.authorization = credentials == null
        ? null
        : "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8));
  }

  /** Locks tasks of these topics; waits for some. */
  List<Task> fetch(Collection<String> topics, int most, long lockMillis) throws IOException, InterruptedException {
    JsonObject body = of();
    body.addProperty("maxTasks", most);
    body.addProperty("usePriority", true);
    body.addProperty("asyncResponseTimeout", POLL);
    JsonArray wanted = new JsonArray();
    for (String topic : topics) {
      JsonObject one = new JsonObject();
      one.addProperty("topicName", topic);
      one.addProperty("lockDuration", lockMillis);
      one.addProperty("includeExtensionProperties", true);
      one.addProperty("deserializeValues", false);
      wanted.add(one);
    }
    body.add("topics", wanted);
    List<Task> tasks = new ArrayList<>();
    for (JsonElement task : post("/external-task/fetchAndLock", body).getAsJsonArray()) {
      tasks.add(new Task(task.getAsJsonObject()));
    }
    return tasks;
  }

  /** Completes a task with the variables that were set. */
  void complete(Task task, JsonObject variables, JsonObject localVariables) throws IOException, InterruptedException {
    JsonObject body = of();
    body.add("variables", variables);
    body.add("localVariables", localVariables);
    post("/external-task/" + task.id() + "/complete", body);
  }

  /** Throws a BPMN error. */
  void bpmnError(Task task, String code, String message, JsonObject variables) throws IOException, InterruptedException {
    JsonObject body = of();
    body.addProperty("errorCode", code);
    body.addProperty("errorMessage", message);
    body.add("variables", variables);
    post("/external-task/" + task.id() + "/bpmnError", body);
  }

  /** Reports a failure. */
  void failure(Task task, String message, String details, int retries, long retryMillis)
      throws IOException, InterruptedException {
    JsonObject body = of();
    body.addProperty("errorMessage", message);
    body.addProperty("errorDetails", details);
    body.addProperty("retries", retries);
    body.addProperty("retryTimeout", retryMillis);
    post("/external-task/" + task.id() + "/failure", body);
  }

  /** Locks a task longer, from now on. */
  void extendLock(Task task, long lockMillis) throws IOException, InterruptedException {
    JsonObject body = of();
    body.addProperty("newDuration", lockMillis);
    post("/external-task/" + task.id() + "/extendLock", body);
  }

  /** Removes variables of the process instance. */
  void remove(Task task, Collection<String> names) throws IOException, InterruptedException {
    JsonObject body = new JsonObject();
    JsonArray deletions = new JsonArray();
    names.forEach(deletions::add);
    body.add("deletions", deletions);
    post("/process-instance/" + task.text("processInstanceId") + "/variables", body);
  }

  private JsonObject of() {
    JsonObject body = new JsonObject();
    body.addProperty("workerId", worker);
    return body;
  }

  private JsonElement post(String path, JsonObject body) throws IOException, InterruptedException {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
        .timeout(Duration.ofMillis(POLL + 40_000L))
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body.toString()));
    if (authorization != null) {
      request.header("Authorization", authorization);
    }
    HttpResponse<String> response = http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    if (response.statusCode() / 100 != 2) {
      throw new IOException(path + " answered " + response.statusCode() + ": " + response.body());
    }
    return response.body().isBlank() ? new JsonObject() : JsonParser.parseString(response.body());
  }
}
