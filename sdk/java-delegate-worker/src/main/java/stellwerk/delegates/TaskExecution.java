package stellwerk.delegates;

import java.util.Map;
import org.camunda.bpm.engine.ProcessEngine;
import org.camunda.bpm.engine.ProcessEngineServices;
import org.camunda.bpm.engine.delegate.DelegateExecution;
import org.camunda.bpm.engine.runtime.Incident;
import org.camunda.bpm.model.bpmn.BpmnModelInstance;
import org.camunda.bpm.model.bpmn.instance.FlowElement;

/** The execution that a delegate sees: an external task's variables and ids. */
final class TaskExecution extends Scope implements DelegateExecution {
  private final Task task;

  TaskExecution(Task task, Map<String, Object> variables) {
    super(variables);
    this.task = task;
  }

  @Override
  public String getId() {
    return task.text("executionId");
  }

  @Override
  public String getEventName() {
    return null;
  }

  @Override
  public String getBusinessKey() {
    return task.text("businessKey");
  }

  @Override
  public String getProcessBusinessKey() {
    return task.text("businessKey");
  }

  @Override
  public void setProcessBusinessKey(String businessKey) {
    throw new UnsupportedOperationException("the business key can't be changed by an external task");
  }

  @Override
  public String getProcessInstanceId() {
    return task.text("processInstanceId");
  }

  @Override
  public String getProcessDefinitionId() {
    return task.text("processDefinitionId");
  }

  @Override
  public String getParentId() {
    return task.text("processInstanceId");
  }

  @Override
  public String getCurrentActivityId() {
    return task.text("activityId");
  }

  @Override
  public String getCurrentActivityName() {
    return null;
  }

  @Override
  public String getActivityInstanceId() {
    return task.text("activityInstanceId");
  }

  @Override
  public String getParentActivityInstanceId() {
    return task.text("processInstanceId");
  }

  @Override
  public String getCurrentTransitionId() {
    return null;
  }

  @Override
  public DelegateExecution getProcessInstance() {
    return this;
  }

  @Override
  public DelegateExecution getSuperExecution() {
    return null;
  }

  @Override
  public boolean isCanceled() {
    return false;
  }

  @Override
  public String getTenantId() {
    return task.text("tenantId");
  }

  @Override
  public void setVariable(String name, Object value, String activityId) {
    if (!activityId.equals(getCurrentActivityId())) {
      throw new UnsupportedOperationException("variables of another activity can't be set by an external task");
    }
    setVariableLocal(name, value);
  }

  @Override
  public Incident createIncident(String incidentType, String configuration) {
    throw noEngine("createIncident", "throw an exception: a failure without retries is an incident");
  }

  @Override
  public Incident createIncident(String incidentType, String configuration, String message) {
    return createIncident(incidentType, configuration);
  }

  @Override
  public void resolveIncident(String incidentId) {
    throw noEngine("resolveIncident", "use the REST API");
  }

  @Override
  public BpmnModelInstance getBpmnModelInstance() {
    throw noEngine("getBpmnModelInstance", "use GET /process-definition/{id}/xml");
  }

  @Override
  public FlowElement getBpmnModelElementInstance() {
    throw noEngine("getBpmnModelElementInstance", "use extension properties");
  }

  @Override
  public ProcessEngineServices getProcessEngineServices() {
    throw noEngine("getProcessEngineServices", "use the REST API");
  }

  @Override
  public ProcessEngine getProcessEngine() {
    throw noEngine("getProcessEngine", "use the REST API");
  }

  private static UnsupportedOperationException noEngine(String method, String instead) {
    return new UnsupportedOperationException(
        method + " needs an engine in the same process, which a worker has not: " + instead);
  }
}
