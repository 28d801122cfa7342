import java.io.File;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.camunda.community.rest.client.api.DeploymentApi;
import org.camunda.community.rest.client.api.ExternalTaskApi;
import org.camunda.community.rest.client.api.HistoricProcessInstanceApi;
import org.camunda.community.rest.client.api.MessageApi;
import org.camunda.community.rest.client.api.ProcessDefinitionApi;
import org.camunda.community.rest.client.api.ProcessInstanceApi;
import org.camunda.community.rest.client.api.TaskApi;
import org.camunda.community.rest.client.dto.*;
import org.camunda.community.rest.client.invoker.ApiClient;
import org.camunda.community.rest.client.invoker.ApiException;

/** Deploys, starts, works, fails, asks, correlates: {@code Order BASE-URL NAME MODEL [USER PASSWORD]}. */
public class Order {
  public static void main(String[] arguments) throws Exception {
    ApiClient client = new ApiClient().setBasePath(arguments[0]);
    String name = arguments[1];
    if (arguments.length > 3) {
      client.setUsername(arguments[3]);
      client.setPassword(arguments[4]);
    }
    var deployment = new DeploymentApi(client).createDeployment(null, null, false, false, name, null, new File(arguments[2]));
    check(deployment.getDeployedProcessDefinitions().size() == 1, deployment);
    var external = new ExternalTaskApi(client);
    var variables = Map.of("topic", text(name), "number", new VariableValueDto().value(7).type("Integer"));
    String[] started = new String[4];
    for (int number = 0; number < started.length; number++) {
      var start = new StartProcessInstanceDto().businessKey(key(name, number)).variables(variables);
      started[number] = new ProcessDefinitionApi(client).startProcessInstanceByKey(name, start).getId();
    }
    var running = new ProcessInstanceApi(client).queryProcessInstancesCount(new ProcessInstanceQueryDto().processDefinitionKey(name));
    check(running.getCount() == started.length, running);

    Map<String, LockedExternalTaskDto> fetched = new HashMap<>();
    while (fetched.size() < started.length) {
      var topic = new FetchExternalTaskTopicDto().topicName(name).lockDuration(60000L);
      var more = external.fetchAndLock(new FetchExternalTasksDto().workerId(name).maxTasks(10).asyncResponseTimeout(5000L)
          .topics(List.of(topic)));
      check(!more.isEmpty(), fetched);
      more.forEach(task -> fetched.put(task.getProcessInstanceId(), task));
    }
    var first = fetched.get(started[0]);
    check(first.getVariables().get("number").getValue().equals(7) && first.getPriority() == 7, first);
    external.completeExternalTaskResource(first.getId(),
        new CompleteExternalTaskDto().workerId(name).variables(Map.of("sum", new VariableValueDto().value(8))));
    external.handleExternalTaskBpmnError(fetched.get(started[1]).getId(),
        new ExternalTaskBpmnError().workerId(name).errorCode("REFUSED").errorMessage("no, thanks"));
    external.handleFailure(fetched.get(started[2]).getId(),
        new ExternalTaskFailureDto().workerId(name).errorMessage("broken").errorDetails("a stack").retries(0));
    try {
      external.completeExternalTaskResource(first.getId(), new CompleteExternalTaskDto().workerId(name));
      throw new IllegalStateException("a gone task was completed");
    } catch (ApiException gone) {
      check(gone.getCode() == 404 && gone.getResponseBody().contains("RestException"), gone);
    }

    var message = new CorrelationMessageDto().messageName("order-confirmed").businessKey(key(name, 0)).resultEnabled(true);
    check(new MessageApi(client).deliverMessage(message).size() == 1, message);
    var tasks = new TaskApi(client);
    var work = tasks.queryTasks(0, 10, new TaskQueryDto().processInstanceBusinessKey(key(name, 0)));
    check(work.size() == 1, work);
    tasks.claim(work.get(0).getId(), new UserIdDto().userId(name));
    tasks.complete(work.get(0).getId(), new CompleteTaskDto().variables(Map.of("checked", new VariableValueDto().value(true))));
    var ended = new HistoricProcessInstanceApi(client).getHistoricProcessInstance(started[0]);
    check(ended.getState().toString().equals("COMPLETED") && ended.getEndTime() != null, ended);
    new DeploymentApi(client).deleteDeployment(deployment.getId(), true, false, false);
    System.out.println("done");
  }

  private static VariableValueDto text(String value) {
    return new VariableValueDto().value(value).type("String");
  }

  private static String key(String name, int number) {
    return name + " " + number + " ä/&+";
  }

  private static void check(boolean holds, Object what) {
    if (!holds) {
      throw new IllegalStateException(String.valueOf(what));
    }
  }
}
