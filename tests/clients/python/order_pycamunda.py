"""Orders through the unmodified package pycamunda: deploy, start, query, work, fail, BPMN error, incident, correlate, complete.

Usage: python order_pycamunda.py BASE-URL NAME MODEL [USER PASSWORD]
"""
import sys

import pycamunda
import pycamunda.deployment
import pycamunda.externaltask
import pycamunda.incident
import pycamunda.message
import pycamunda.processdef
import pycamunda.processinst
import pycamunda.task

base, name, model, *login = sys.argv[1:]


def call(request):
    """Sends a request of the package, as the user if there is one."""
    request.auth = tuple(login) or None
    return request()


deploy = pycamunda.deployment.Create(base, name=name)
with open(model, "rb") as file:
    deploy.add_resource(file)
    deployed = call(deploy)
[definition] = deployed.deployed_process_definitions.values()
assert definition.key == name, definition
listed = call(pycamunda.processdef.GetList(base, key=name, latest_version=True))
assert [row.id_ for row in listed] == [definition.id_], listed

keys = [f"{name} {number} ä/&+" for number in range(6)]
started = []
for key in keys:
    start = pycamunda.processdef.StartInstance(base, key=name, business_key=key)
    start.add_variable("topic", name, "String")
    start.add_variable("number", 7, "Integer")
    started.append(call(start))
found = call(pycamunda.processinst.GetList(base, business_key=keys[1]))
assert [row.id_ for row in found] == [started[1].id_], found
variables = call(pycamunda.processinst.VariablesGetList(base, started[1].id_))
assert variables["number"].value == 7, variables

fetched = {}
while len(fetched) < len(keys):
    fetch = pycamunda.externaltask.FetchAndLock(base, name, len(keys), async_response_timeout=5000, use_priority=True)
    fetch.add_topic(name, 60000)
    more = call(fetch)
    assert more, "work is left"
    fetched |= {task.process_instance_id: task for task in more}
tasks = [fetched[instance.id_] for instance in started]
assert tasks[0].priority == 7 and tasks[0].variables["number"].value == 7, tasks[0]
call(pycamunda.externaltask.ExtendLock(base, tasks[0].id_, 90000, name))
for task in tasks[:2]:
    complete = pycamunda.externaltask.Complete(base, task.id_, name)
    complete.add_variable("sum", 8, "Integer")
    complete.add_local_variable("mine", "local", "String")
    call(complete)
refuse = pycamunda.externaltask.HandleBPMNError(base, tasks[2].id_, name, "REFUSED", "no, thanks")
refuse.add_variable("reason", "tired", "String")
call(refuse)
call(pycamunda.externaltask.HandleFailure(base, tasks[3].id_, name, "broken", "a stack", 0, 0))
[incident] = call(pycamunda.incident.GetList(base, process_instance_id=started[3].id_))
assert (incident.incident_message, incident.configuration) == ("broken", tasks[3].id_), incident
assert call(pycamunda.externaltask.Get(base, tasks[3].id_, False)).error_message == "broken"
call(pycamunda.externaltask.SetRetries(base, tasks[3].id_, 1))
call(pycamunda.externaltask.Unlock(base, tasks[4].id_))
try:
    call(pycamunda.externaltask.Complete(base, tasks[2].id_, name))
    raise SystemExit("a gone task was completed")
except pycamunda.NotFound as error:
    assert "does not exist" in str(error), error

for key in keys[:2]:
    message = pycamunda.message.CorrelateSingle(base, "order-confirmed", business_key=key, result_enabled=True)
    message.add_process_variable("by", name, "String")
    [result] = call(message)
    assert result.result_type == pycamunda.message.ResultType.execution, result
try:
    call(pycamunda.message.CorrelateSingle(base, "order-confirmed", business_key=keys[0], result_enabled=True))
    raise SystemExit("a message came twice")
except pycamunda.BadRequest as error:
    assert "MismatchingMessageCorrelationException" in str(error), error

work = []
for instance in started[:2]:
    work += call(pycamunda.task.GetList(base, process_instance_id=instance.id_))
assert [task.task_definition_key for task in work] == ["check", "check"], work
call(pycamunda.task.Claim(base, work[0].id_, name))
assert call(pycamunda.task.Get(base, work[0].id_)).assignee == name
call(pycamunda.task.Unclaim(base, work[0].id_))
complete = pycamunda.task.Complete(base, work[0].id_, with_variables_in_return=True)
complete.add_variable("checked", True, "Boolean")
returned = call(complete)
assert returned["checked"].value is True and returned["sum"].value == 8, returned
try:
    call(pycamunda.processinst.Get(base, started[0].id_))
    raise SystemExit("an ended instance is there")
except pycamunda.NotFound:
    pass
call(pycamunda.processinst.Suspend(base, started[5].id_))
assert call(pycamunda.processinst.Get(base, started[5].id_)).suspended
call(pycamunda.processinst.Activate(base, started[5].id_))
call(pycamunda.deployment.Delete(base, deployed.id_, cascade=True))
assert not call(pycamunda.processinst.GetList(base, process_definition_id=definition.id_))
print("done")
