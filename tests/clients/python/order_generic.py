"""Orders through the unmodified package generic-camunda-client, generated from Camunda's OpenAPI document.

Usage: python order_generic.py BASE-URL NAME MODEL [USER PASSWORD]
"""
import sys

import generic_camunda_client as camunda

base, name, model, *login = sys.argv[1:]
configuration = camunda.Configuration(host=base)
with camunda.ApiClient(configuration) as api:
    if login:
        configuration.username, configuration.password = login
        api.default_headers["Authorization"] = configuration.get_basic_auth_token()
    deployment = camunda.DeploymentApi(api).create_deployment(
        deployment_name=name, deploy_changed_only=False, enable_duplicate_filtering=False, data=model)
    [definition] = deployment.deployed_process_definitions.values()
    definitions, instances = camunda.ProcessDefinitionApi(api), camunda.ProcessInstanceApi(api)
    externals, tasks = camunda.ExternalTaskApi(api), camunda.TaskApi(api)
    assert definitions.get_process_definition_by_key(name).id == definition.id

    def text(it, kind="String"):
        return camunda.VariableValueDto(value=it, type=kind)

    keys = [f"{name} {number} ä/&+" for number in range(4)]
    variables = {"topic": text(name), "number": text(7, "Integer")}
    started = [definitions.start_process_instance_by_key(name, start_process_instance_dto=(
        camunda.StartProcessInstanceDto(business_key=key, variables=variables))) for key in keys]
    assert [row.id for row in instances.get_process_instances(business_key=keys[1])] == [started[1].id]
    assert instances.get_process_instances_count(variables=f"topic_eq_{name}").count == len(keys)

    fetched = {}
    while len(fetched) < len(keys):
        more = externals.fetch_and_lock(fetch_external_tasks_dto=camunda.FetchExternalTasksDto(
            worker_id=name, max_tasks=10, async_response_timeout=5000,
            topics=[camunda.FetchExternalTaskTopicDto(topic_name=name, lock_duration=60000)]))
        assert more, "work is left"
        fetched |= {task.process_instance_id: task for task in more}
    work = [fetched[instance.id] for instance in started]
    assert work[0].variables["number"].value == 7 and work[0].priority == 7, work[0]
    externals.complete_external_task_resource(work[0].id, complete_external_task_dto=(
        camunda.CompleteExternalTaskDto(worker_id=name, variables={"sum": text(8, "Integer")})))
    externals.handle_external_task_bpmn_error(work[1].id, external_task_bpmn_error=(
        camunda.ExternalTaskBpmnError(worker_id=name, error_code="REFUSED", error_message="no, thanks")))
    externals.handle_failure(work[2].id, external_task_failure_dto=(
        camunda.ExternalTaskFailureDto(worker_id=name, error_message="broken", error_details="a stack", retries=0)))
    [incident] = camunda.IncidentApi(api).get_incidents(process_instance_id=started[2].id)
    assert (incident.incident_type, incident.incident_message) == ("failedExternalTask", "broken"), incident
    try:
        externals.get_external_task_error_details(work[2].id)
        raise SystemExit("plain text was given to a client that asks for JSON")
    except camunda.ApiException as error:
        assert error.status == 406, error
    externals.set_external_task_resource_retries(work[2].id, retries_dto=camunda.RetriesDto(retries=2))
    try:
        externals.unlock("nobody")
        raise SystemExit("nobody's task was unlocked")
    except camunda.ApiException as error:
        assert error.status == 404, error

    message = camunda.CorrelationMessageDto(message_name="order-confirmed", business_key=keys[0], result_enabled=True)
    [result] = camunda.MessageApi(api).deliver_message(correlation_message_dto=message)
    assert result.result_type == "Execution", result
    [task] = tasks.query_tasks(task_query_dto=camunda.TaskQueryDto(process_instance_business_key=keys[0]))
    tasks.claim(task.id, user_id_dto=camunda.UserIdDto(user_id=name))
    returned = tasks.complete(task.id, complete_task_dto=camunda.CompleteTaskDto(
        variables={"checked": text(True, "Boolean")}, with_variables_in_return=True))
    assert returned["checked"].value is True and returned["sum"].value == 8, returned
    history = camunda.HistoricProcessInstanceApi(api)
    assert history.get_historic_process_instance(started[0].id).state == "COMPLETED"
    batch = instances.delete_process_instances_async_operation(
        delete_process_instances_dto=camunda.DeleteProcessInstancesDto(process_instance_ids=[started[3].id]))
    assert batch.type == "instance-deletion", batch
    camunda.DeploymentApi(api).delete_deployment(deployment.id, cascade="true")
print("done")
