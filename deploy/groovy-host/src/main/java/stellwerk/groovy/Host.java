package stellwerk.groovy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import groovy.lang.Closure;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.script.Bindings;
import javax.script.ScriptContext;
import javax.script.ScriptEngine;
import javax.script.ScriptException;
import javax.script.SimpleScriptContext;
import org.camunda.bpm.engine.delegate.BpmnError;
import org.codehaus.groovy.jsr223.GroovyScriptEngineFactory;
import org.codehaus.groovy.runtime.MethodClosure;
import org.camunda.spin.Spin;

/** Reads calls from standard input, a line of JSON each, and writes what became of them to standard output. */
public final class Host {
  private static final int VERSION = 1;
  static final ObjectMapper JSON = new ObjectMapper();

  private final ScriptEngine engine = new GroovyScriptEngineFactory().getScriptEngine();
  private final ExecutorService thread = Executors.newSingleThreadExecutor(run -> {
    Thread made = new Thread(run, "script");
    made.setDaemon(true);
    return made;
  });

  public static void main(String[] args) throws Exception {
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    // What scripts print past Groovy's println must not be taken for an answer.
    System.setOut(System.err);
    Host host = new Host();
    host.engine.eval("1");
    ObjectNode greeting = JSON.createObjectNode().put("version", VERSION);
    greeting.putArray("languages").add("groovy");
    answers.println(greeting);
    BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = calls.readLine(); line != null; line = calls.readLine()) {
      JsonNode call = JSON.readTree(line);
      ObjectNode answer = host.answer(call);
      answers.println(answer);
      if (answer.has("overdue")) {
        // The script's thread can't be stopped: another process takes the next call.
        System.exit(1);
      }
    }
  }

  private ObjectNode answer(JsonNode call) throws InterruptedException {
    long limit = call.get("timeMs").asLong();
    Future<ObjectNode> running = thread.submit(() -> run(call));
    try {
      return running.get(limit, TimeUnit.MILLISECONDS);
    } catch (TimeoutException overdue) {
      ObjectNode answer = failed(call, " the script ran longer than " + limit + " ms and was stopped");
      return answer.put("overdue", true);
    } catch (ExecutionException thrown) {
      return failed(call, " " + thrown.getCause());
    }
  }

  private static ObjectNode failed(JsonNode call, String message) {
    ObjectNode answer = JSON.createObjectNode().put("id", call.get("id").asLong());
    answer.putArray("printed");
    answer.putArray("effects");
    answer.putObject("outcome").put("kind", "failed").put("message", message);
    return answer;
  }

  private ObjectNode run(JsonNode call) throws Exception {
    ObjectNode answer = JSON.createObjectNode().put("id", call.get("id").asLong());
    StringWriter printed = new StringWriter();
    Scope scope = new Scope(call);
    ScriptContext context = new SimpleScriptContext();
    context.setWriter(new PrintWriter(printed, true));
    Bindings bindings = engine.createBindings();
    scope.bind(bindings);
    bindings.put("S", spin("S"));
    bindings.put("JSON", spin("JSON"));
    bindings.put("XML", spin("XML"));
    context.setBindings(bindings, ScriptContext.ENGINE_SCOPE);
    ObjectNode outcome = answer.putObject("outcome");
    boolean counts = true;
    try {
      Object value = engine.eval(call.get("source").asText(), context);
      outcome.put("kind", "value").set("value", Values.written(value));
    } catch (Throwable thrown) {
      counts = told(thrown, outcome);
    }
    answer.set("effects", counts ? scope.effects() : JSON.createArrayNode());
    var lines = answer.putArray("printed");
    printed.toString().lines().limit(1000).forEach(lines::add);
    return answer;
  }

  private static Closure<?> spin(String method) {
    return new MethodClosure(Spin.class, method);
  }

  /** What a script threw, without what its engine has put around it; whether its effects count. */
  private static boolean told(Throwable thrown, ObjectNode outcome) {
    Throwable cause = thrown;
    for (Throwable at = thrown; at != null; at = at.getCause()) {
      if (at instanceof BpmnError error) {
        outcome.put("kind", "bpmnError").put("code", error.getErrorCode()).put("message", error.getMessage());
        return true;
      }
      if (at instanceof Scope.Missing missing) {
        outcome.put("kind", "needs").put("name", missing.name);
        return false;
      }
      if (cause instanceof ScriptException && at != cause) {
        cause = at;
      }
    }
    String text = cause instanceof ScriptException ? cause.getMessage() : cause.toString();
    outcome.put("kind", "failed").put("message", " " + text);
    return false;
  }
}
