import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.camunda.bpm.client.ExternalTaskClient;
import org.camunda.bpm.client.interceptor.auth.BasicAuthProvider;
import org.camunda.bpm.client.task.ExternalTask;
import org.camunda.bpm.client.task.ExternalTaskService;

/** A worker that does with a task what its variable {@code case} says: {@code Cases BASE-URL WORKER-ID TOPIC [USER PASSWORD]}. */
public class Cases {
  private static final Set<String> UNLOCKED = ConcurrentHashMap.newKeySet();
  private static final String[] ECHOED = {"number", "text", "flag", "big", "ratio", "when", "data", "nothing"};

  public static void main(String[] arguments) {
    var builder = ExternalTaskClient.create().baseUrl(arguments[0]).workerId(arguments[1])
        .asyncResponseTimeout(5000).lockDuration(60000);
    if (arguments.length > 3) {
      builder.addInterceptor(new BasicAuthProvider(arguments[3], arguments[4]));
    }
    builder.build().subscribe(arguments[2]).handler(Cases::act).open();
  }

  private static void act(ExternalTask task, ExternalTaskService service) {
    String what = task.getVariable("case");
    switch (what) {
      case "complete" -> service.complete(task, echo(task), Map.of("mine", "local"));
      case "fail" -> {
        if (task.getRetries() == null) {
          service.handleFailure(task, "not yet", "at line 1", 1, 1);
        } else {
          service.complete(task);
        }
      }
      case "break" -> {
        if (task.getRetries() == null) {
          service.handleFailure(task, "broken", "a stack", 0, 1);
        } else {
          service.complete(task);
        }
      }
      case "refuse" -> refuse(task, service);
      case "extend" -> {
        service.extendLock(task, 120000);
        service.complete(task);
      }
      case "unlock" -> {
        if (UNLOCKED.add(task.getId())) {
          service.unlock(task);
        } else {
          service.complete(task);
        }
      }
      default -> throw new IllegalArgumentException(what);
    }
  }

  private static Map<String, Object> echo(ExternalTask task) {
    Map<String, Object> variables = new HashMap<>();
    for (String name : ECHOED) {
      variables.put("echo_" + name, task.getVariableTyped(name));
    }
    return variables;
  }

  /** The first release knows no message and no variables of an error. */
  private static void refuse(ExternalTask task, ExternalTaskService service) {
    try {
      ExternalTaskService.class.getMethod("handleBpmnError", ExternalTask.class, String.class, String.class, Map.class)
          .invoke(service, task, "REFUSED", "no, thanks", Map.of("reason", "tired"));
    } catch (NoSuchMethodException old) {
      service.handleBpmnError(task, "REFUSED");
    } catch (ReflectiveOperationException wrong) {
      throw new IllegalStateException(wrong);
    }
  }
}
