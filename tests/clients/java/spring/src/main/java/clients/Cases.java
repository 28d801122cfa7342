package clients;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.camunda.bpm.client.spring.annotation.ExternalTaskSubscription;
import org.camunda.bpm.client.task.ExternalTask;
import org.camunda.bpm.client.task.ExternalTaskHandler;
import org.camunda.bpm.client.task.ExternalTaskService;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/**
 * A Spring Boot application that does with a task what its variable {@code case} says:
 * {@code Cases BASE-URL WORKER-ID TOPIC [USER PASSWORD]}. The topic is in an annotation, so it has to be {@code spring-boot}.
 */
@SpringBootApplication
public class Cases {
  private static final Set<String> UNLOCKED = ConcurrentHashMap.newKeySet();
  private static final String[] ECHOED = {"number", "text", "flag", "big", "ratio", "when", "data", "nothing"};

  public static void main(String[] arguments) {
    Map<String, Object> settings = new HashMap<>(Map.of(
        "camunda.bpm.client.base-url", arguments[0],
        "camunda.bpm.client.worker-id", arguments[1],
        "camunda.bpm.client.async-response-timeout", 5000,
        "camunda.bpm.client.lock-duration", 60000));
    if (arguments.length > 3) {
      settings.put("camunda.bpm.client.basic-auth.username", arguments[3]);
      settings.put("camunda.bpm.client.basic-auth.password", arguments[4]);
    }
    var application = new SpringApplication(Cases.class);
    application.setDefaultProperties(settings);
    application.run();
  }

  @Bean
  @ExternalTaskSubscription("spring-boot")
  public ExternalTaskHandler work() {
    return Cases::act;
  }

  private static void act(ExternalTask task, ExternalTaskService service) {
    String what = task.getVariable("case");
    boolean first = task.getRetries() == null;
    if (what.equals("complete")) {
      Map<String, Object> echo = new HashMap<>();
      for (String name : ECHOED) {
        echo.put("echo_" + name, task.getVariableTyped(name));
      }
      service.complete(task, echo, Map.of("mine", "local"));
    } else if (what.equals("fail") && first) {
      service.handleFailure(task, "not yet", "at line 1", 1, 1);
    } else if (what.equals("break") && first) {
      service.handleFailure(task, "broken", "a stack", 0, 1);
    } else if (what.equals("refuse")) {
      service.handleBpmnError(task, "REFUSED", "no, thanks", Map.of("reason", "tired"));
    } else if (what.equals("unlock") && UNLOCKED.add(task.getId())) {
      service.unlock(task);
    } else {
      if (what.equals("extend")) {
        service.extendLock(task, 120000);
      }
      service.complete(task);
    }
  }
}
