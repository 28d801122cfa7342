"""Orders through the unmodified package camunda-client: start, query, work, incident, correlate, forms, history.

It doesn't deploy: the model is deployed already. Usage: python order_camunda_client.py BASE-URL NAME [USER PASSWORD]
"""
import asyncio
import sys
from datetime import timedelta
from uuid import UUID

import httpx
from camunda_client import CamundaEngineClient, ExternalTaskClient, ExternalTaskConfig
from camunda_client.clients.dto import AuthData
from camunda_client.clients.engine.dto import GetTaskVariableDTO, UpdateTaskVariableDTO
from camunda_client.clients.engine.schemas import (
    GetHistoryTasksFilterSchema, GetTasksFilterSchema, ProcessInstanceQuerySchema, SendCorrelationMessageSchema)
from camunda_client.clients.engine.schemas.body import (
    HistoricProcessInstanceFilterSchema, UpdateProcessVariablesSchema, VariableInstanceFilterSchema)
from camunda_client.clients.engine.schemas.query import HistoryVariableInstanceFilterParamsSchema
from camunda_client.clients.schemas import PaginationParams
from camunda_client.exceptions import CamundaClientError
from camunda_client.types_ import VariableValueSchema

base, name, *login = sys.argv[1:]


def value(it, kind):
    return VariableValueSchema(value=it, type=kind)


async def main():
    user = AuthData(*(login or ["nobody", "nothing"]))
    engine = CamundaEngineClient(base, user, httpx.AsyncHTTPTransport(), timeout=httpx.Timeout(30))
    worker = ExternalTaskClient(name, base, user, httpx.AsyncHTTPTransport(),
                                ExternalTaskConfig(max_tasks=10, async_response_timeout=timedelta(seconds=5)))
    keys = [f"{name} {number} ä/&+" for number in range(4)]
    variables = {"topic": value(name, "String"), "number": value(7, "Integer")}
    started = [await engine.start_process("client-order", key, variables) for key in keys]
    found = await engine.get_process_instances(ProcessInstanceQuerySchema(business_key=keys[1]))
    assert [row.id for row in found] == [started[1].id], found

    fetched = {}
    while len(fetched) < len(keys):
        more = await worker.fetch_and_lock([name])
        assert more, "work is left"
        fetched |= {UUID(task.process_instance_id): task for task in more}
    tasks = [fetched[instance.id] for instance in started]
    assert tasks[0].parsed_variables["number"] == 7, tasks[0]
    for task in tasks[:2]:
        await worker.complete(task.id, global_variables={"sum": value(8, "Integer")})
    await worker.bpmn_error(tasks[2].id, "REFUSED", "no, thanks")
    await worker.failure(tasks[3].id, error_message="broken", error_details="a stack", retries=0)
    incidents = await engine.get_incidents("failedExternalTask")
    assert tasks[3].id in [incident.configuration for incident in incidents], incidents
    assert (await engine.get_external_task(tasks[3].id)).error_message == "broken"
    assert await engine.get_external_task_error_details(tasks[3].id) == "a stack"
    assert await engine.get_external_task(tasks[2].id) is None

    for key in keys[:2]:
        message = SendCorrelationMessageSchema(message_name="order-confirmed", business_key=key)
        await engine.send_correlation_message(message)
    try:
        await engine.send_correlation_message(message)
        raise SystemExit("a message came twice")
    except CamundaClientError as error:
        assert error.status_code == 400, error

    query = GetTasksFilterSchema(process_instance_business_key_in=keys, candidate_group="sales", or_queries=[
        GetTasksFilterSchema(task_definition_key="check", assignee="nobody at all")])
    assert (await engine.get_tasks_count(query)).count == 2
    work = await engine.get_tasks(query, PaginationParams(limit=10, offset=0))
    assert {task.process_instance_id for task in work} == {started[0].id, started[1].id}, work
    person = UUID(int=7)
    await engine.claim_task(work[0].id, person)
    assert (await engine.get_task(work[0].id)).assignee == str(person)
    await engine.unclaim_task(work[0].id)
    await engine.set_assignee_task(work[0].id, person)
    links = await engine.get_identity_links(work[0].id)
    assert {(link.type, link.group_id) for link in links} == {("candidate", "sales"), ("assignee", None)}, links
    await engine.update_task_variable(UpdateTaskVariableDTO(work[0].id, "mine", value("local", "String"), True))
    mine = await engine.get_task_variable(GetTaskVariableDTO(work[0].id, "mine", is_local_variable=True))
    assert mine.value == "local", mine
    await engine.update_variable_instances(process_instance_id=work[0].process_instance_id, schema=(
        UpdateProcessVariablesSchema(modifications={"note": value("ä", "String")}, deletions=["number"])))
    notes = VariableInstanceFilterSchema(process_instance_id_in=[work[0].process_instance_id])
    rows = await engine.get_variable_instances_post(notes, variable_name_in=["note"])
    assert [row.value for row in rows] == ["ä"], rows
    await engine.submit_task_form(work[0].id, {"checked": value(True, "Boolean")})

    ended = await engine.get_history_process_instance(work[0].process_instance_id)
    assert ended.state.value == "COMPLETED" and ended.end_time is not None, ended
    listed = await engine.get_history_process_instances(
        HistoricProcessInstanceFilterSchema(process_instance_business_key=keys[0]))
    assert [row.id for row in listed] == [started[0].id], listed
    tasks_then = await engine.get_history_tasks(
        GetHistoryTasksFilterSchema(process_instance_id=work[0].process_instance_id))
    assert [task.id for task in tasks_then] == [work[0].id], tasks_then
    values = await engine.get_history_variable_instances(
        HistoryVariableInstanceFilterParamsSchema(process_instance_id=work[0].process_instance_id))
    assert {"sum", "note", "checked"} <= {row.name for row in values}, values
    for instance in found[:1]:
        await engine.delete_process(str(instance.id))
    print("done")


asyncio.run(main())
