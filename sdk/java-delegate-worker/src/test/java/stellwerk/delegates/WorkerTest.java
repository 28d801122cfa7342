package stellwerk.delegates;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.camunda.bpm.engine.delegate.BpmnError;
import org.camunda.bpm.engine.delegate.DelegateExecution;
import org.camunda.bpm.engine.delegate.Expression;
import org.camunda.bpm.engine.delegate.JavaDelegate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The worker against an engine that only takes notes. */
class WorkerTest {
  private HttpServer server;
  private final List<String> calls = Collections.synchronizedList(new ArrayList<>());
  private Worker worker;

  @BeforeEach
  void start() throws Exception {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", exchange -> {
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      calls.add(exchange.getRequestURI().getPath() + " " + body);
      exchange.sendResponseHeaders(204, -1);
      exchange.close();
    });
    server.start();
    ClassLoader loader = getClass().getClassLoader();
    Map<String, String> beans = Map.of("adder", Adder.class.getName(), "greeter", Greeter.class.getName());
    EngineClient engine = new EngineClient("http://localhost:" + server.getAddress().getPort() + "/engine-rest", "w", null);
    worker = new Worker(
        engine,
        new Runner(loader, new ClassBeans(beans, loader)),
        new Worker.Settings(List.of("java"), 1, 60_000, 3, 1_000));
  }

  @AfterEach
  void stop() throws Exception {
    worker.close();
    server.stop(0);
  }

  /** Greets whom its field names. */
  public static class Greeter implements JavaDelegate {
    private Expression greeting;
    private Expression times;

    @Override
    public void execute(DelegateExecution execution) {
      long count = times == null ? 1 : ((Number) times.getValue(execution)).longValue();
      String text = greeting == null ? "Hello" : (String) greeting.getValue(execution);
      execution.setVariable("said", text + " " + execution.getVariable("name") + " " + count);
      execution.setVariable("by", execution.getBusinessKey());
      execution.setVariableLocal("mine", List.of("a", "b"));
    }
  }

  /** Throws what its variable says. */
  public static class Thrower implements JavaDelegate {
    @Override
    public void execute(DelegateExecution execution) {
      if ("error".equals(execution.getVariable("what"))) {
        throw new BpmnError("E1", "as told");
      }
      throw new IllegalStateException("out of order");
    }
  }

  /** Has a method that expressions call. */
  public static class Adder {
    public int add(DelegateExecution execution, int left, long right) {
      return left + (int) right + (Integer) execution.getVariable("more");
    }
  }

  private static JsonObject variable(String type, String json) {
    return JsonParser.parseString("{\"type\":\"" + type + "\",\"value\":" + json + "}").getAsJsonObject();
  }

  private static Task task(Map<String, String> properties, Map<String, JsonObject> variables, Integer retries) {
    JsonObject json = new JsonObject();
    json.addProperty("id", "t1");
    json.addProperty("activityId", "a");
    json.addProperty("businessKey", "bk");
    json.addProperty("processInstanceId", "p1");
    json.addProperty("retries", retries);
    JsonObject all = new JsonObject();
    properties.forEach(all::addProperty);
    json.add("extensionProperties", all);
    JsonObject values = new JsonObject();
    variables.forEach(values::add);
    json.add("variables", values);
    return new Task(json);
  }

  private JsonObject only(String path) {
    assertEquals(1, calls.size(), calls.toString());
    assertTrue(calls.get(0).startsWith(path + " "), calls.toString());
    return JsonParser.parseString(calls.get(0).substring(path.length())).getAsJsonObject();
  }

  @Test
  void aClassRunsWithItsFieldsAndItsVariablesAreSent() {
    worker.handle(task(
        Map.of("java.class", Greeter.class.getName(), "java.field.greeting", "Good day"),
        Map.of("name", variable("String", "\"Ann\""), "java.field.times", variable("Long", "2")),
        null));
    JsonObject sent = only("/engine-rest/external-task/t1/complete");
    JsonObject variables = sent.getAsJsonObject("variables");
    assertEquals("{\"type\":\"String\",\"value\":\"Good day Ann 2\"}", variables.get("said").toString());
    assertEquals("{\"type\":\"String\",\"value\":\"bk\"}", variables.get("by").toString());
    assertEquals(2, variables.size(), "only what was set");
    JsonObject mine = sent.getAsJsonObject("localVariables").getAsJsonObject("mine");
    assertEquals("[\"a\",\"b\"]", mine.get("value").getAsString());
    assertEquals(
        "java.util.ArrayList<java.lang.String>",
        mine.getAsJsonObject("valueInfo").get("objectTypeName").getAsString());
  }

  @Test
  void aDelegateExpressionIsABean() {
    worker.handle(task(
        Map.of("java.delegateExpression", "${greeter}"), Map.of("name", variable("String", "\"Bo\"")), null));
    JsonObject variables = only("/engine-rest/external-task/t1/complete").getAsJsonObject("variables");
    assertEquals("Hello Bo 1", variables.getAsJsonObject("said").get("value").getAsString());
  }

  @Test
  void aMethodOfABeanGivesTheResultVariable() {
    JsonArray arguments = JsonParser.parseString(
        "[{\"bean\":\"execution\"},{\"type\":\"Integer\",\"value\":1},{\"type\":\"Integer\",\"value\":2}]").getAsJsonArray();
    JsonObject given = new JsonObject();
    given.addProperty("type", "Json");
    given.addProperty("value", arguments.toString());
    worker.handle(task(
        Map.of("java.bean", "adder", "java.method", "add", "java.resultVariable", "sum"),
        Map.of("java.arguments", given, "more", variable("Integer", "4")),
        null));
    JsonObject variables = only("/engine-rest/external-task/t1/complete").getAsJsonObject("variables");
    assertEquals("{\"type\":\"Integer\",\"value\":7}", variables.get("sum").toString());
  }

  @Test
  void aBpmnErrorIsThrownInTheProcess() {
    worker.handle(task(
        Map.of("java.class", Thrower.class.getName()), Map.of("what", variable("String", "\"error\"")), null));
    JsonObject sent = only("/engine-rest/external-task/t1/bpmnError");
    assertEquals("E1", sent.get("errorCode").getAsString());
    assertEquals("as told", sent.get("errorMessage").getAsString());
  }

  @Test
  void aFailureIsTriedAgainWithGrowingWaitsAndThenNoMore() {
    Map<String, String> properties = Map.of("java.class", Thrower.class.getName());
    worker.handle(task(properties, Map.of(), null));
    JsonObject first = only("/engine-rest/external-task/t1/failure");
    assertEquals("out of order", first.get("errorMessage").getAsString());
    assertTrue(first.get("errorDetails").getAsString().contains("IllegalStateException"));
    assertEquals(3, first.get("retries").getAsInt());
    assertEquals(1_000, first.get("retryTimeout").getAsLong());
    calls.clear();
    worker.handle(task(properties, Map.of(), 2));
    JsonObject second = only("/engine-rest/external-task/t1/failure");
    assertEquals(1, second.get("retries").getAsInt());
    assertEquals(4_000, second.get("retryTimeout").getAsLong());
    calls.clear();
    worker.handle(task(properties, Map.of(), 1));
    assertEquals(0, only("/engine-rest/external-task/t1/failure").get("retries").getAsInt());
  }

  @Test
  void codeThatIsNotThereIsAFailureThatNamesIt() {
    worker.handle(task(Map.of("java.class", "com.acme.Gone"), Map.of(), null));
    assertEquals("com.acme.Gone", only("/engine-rest/external-task/t1/failure").get("errorMessage").getAsString());
    calls.clear();
    worker.handle(task(Map.of("java.delegateExpression", "${gone}"), Map.of(), null));
    assertEquals(
        "there is no bean 'gone'", only("/engine-rest/external-task/t1/failure").get("errorMessage").getAsString());
  }

  @Test
  void valuesKeepTheirTypesBothWays() {
    Values values = new Values(getClass().getClassLoader());
    List<Object> all = new ArrayList<>(List.of(true, (short) 1, 2, 3L, 4.5, "five", new Date(1_700_000_000_123L)));
    all.add(null);
    for (Object value : all) {
      assertEquals(value, values.toJava(values.toRest(value)));
    }
    assertEquals(List.of(1, "b"), values.toJava(values.toRest(List.of(1, "b"))));
    assertEquals(Map.of("k", 5_000_000_000L), values.toJava(values.toRest(Map.of("k", 5_000_000_000L))));
  }
}
