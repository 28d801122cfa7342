"""Gives an engine something of everything, so that the ids of generated requests can be real ones.

`fill(base)` deploys a process, starts instances and makes users, groups, tenants and filters; it gives the pools from which
`hooks.py` takes values, by the name of the parameter that they are for.
"""
import requests

MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="http://stellwerk">
  <bpmn:message id="m" name="go"/><bpmn:signal id="s" name="alarm"/><bpmn:error id="e" errorCode="E1"/>
  <bpmn:process id="everything" name="Everything" isExecutable="true" camunda:historyTimeToLive="5"
      camunda:versionTag="v1">
    <bpmn:startEvent id="start" camunda:formKey="embedded:app:start.html"/>
    <bpmn:sequenceFlow id="f0" sourceRef="start" targetRef="fork"/>
    <bpmn:parallelGateway id="fork"/>
    <bpmn:sequenceFlow id="f1" sourceRef="fork" targetRef="user"/>
    <bpmn:sequenceFlow id="f2" sourceRef="fork" targetRef="work"/>
    <bpmn:sequenceFlow id="f3" sourceRef="fork" targetRef="wait"/>
    <bpmn:sequenceFlow id="f4" sourceRef="fork" targetRef="later"/>
    <bpmn:sequenceFlow id="f5" sourceRef="fork" targetRef="broken"/>
    <bpmn:userTask id="user" name="Look at it" camunda:assignee="anna" camunda:candidateGroups="sales"
        camunda:dueDate="2030-01-01T00:00:00">
      <bpmn:extensionElements><camunda:formData>
        <camunda:formField id="amount" type="long" label="Amount"/>
      </camunda:formData></bpmn:extensionElements>
    </bpmn:userTask>
    <bpmn:serviceTask id="work" camunda:type="external" camunda:topic="work" camunda:taskPriority="5"/>
    <bpmn:boundaryEvent id="failed" attachedToRef="work"><bpmn:errorEventDefinition errorRef="e"/></bpmn:boundaryEvent>
    <bpmn:receiveTask id="wait" messageRef="m"/>
    <bpmn:boundaryEvent id="alarmed" attachedToRef="wait"><bpmn:signalEventDefinition signalRef="s"/></bpmn:boundaryEvent>
    <bpmn:boundaryEvent id="tired" attachedToRef="wait" cancelActivity="false"><bpmn:timerEventDefinition>
      <bpmn:timeCycle>R3/P1D</bpmn:timeCycle></bpmn:timerEventDefinition></bpmn:boundaryEvent>
    <bpmn:serviceTask id="later" camunda:asyncBefore="true" camunda:expression="${amount}"/>
    <bpmn:serviceTask id="broken" camunda:asyncBefore="true" camunda:expression="${nothing.there}"/>
    <bpmn:sequenceFlow id="f6" sourceRef="user" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process></bpmn:definitions>"""

DECISION = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" xmlns:camunda="http://camunda.org/schema/1.0/dmn"
    id="rules" name="Rules" namespace="http://stellwerk">
  <decision id="discount" name="Discount" camunda:historyTimeToLive="5"><decisionTable id="table">
    <input id="i1" label="Amount"><inputExpression id="ie1" typeRef="integer"><text>amount</text></inputExpression></input>
    <output id="o1" name="percent" typeRef="integer"/>
    <rule id="r1"><inputEntry id="n1"><text>&lt; 10</text></inputEntry><outputEntry id="x1"><text>0</text></outputEntry></rule>
    <rule id="r2"><inputEntry id="n2"><text>&gt;= 10</text></inputEntry><outputEntry id="x2"><text>5</text></outputEntry></rule>
  </decisionTable></decision>
</definitions>"""


def fill(base):
    """Takes the REST base; gives {name: [values]}. A request that fails leaves its pool empty."""
    session = requests.Session()

    def ask(method, path, **more):
        answer = session.request(method, base + path, timeout=30, **more)
        return answer.json() if answer.ok and answer.content else None

    def ids(path, member="id"):
        found = ask("GET", path) or []
        return sorted({row[member] for row in found if row.get(member)})[:20]

    files = {"everything.bpmn": ("everything.bpmn", MODEL), "rules.dmn": ("rules.dmn", DECISION)}
    deployed = ask("POST", "/deployment/create", data={"deployment-name": "everything"}, files=files)
    variables = {
        "amount": {"value": 7},
        "name": {"value": "tschüß"},
        "when": {"value": "2030-01-01T00:00:00.000+0000", "type": "Date"},
        "flag": {"value": True},
        "data": {"value": '{"a":[1,2]}', "type": "Json"},
        "bytes": {"value": "YWJj", "type": "Bytes"},
    }
    for number in range(12):
        body = {"businessKey": f"order-{number % 6}", "variables": variables}
        ask("POST", "/process-definition/key/everything/start", json=body)
    for job in ask("GET", "/job?activityId=broken&maxResults=6") or []:
        ask("PUT", f"/job/{job['id']}/retries", json={"retries": 1})
        ask("POST", f"/job/{job['id']}/execute")
    for task in (ask("GET", "/task?maxResults=3") or []):
        ask("POST", f"/task/{task['id']}/comment/create", json={"message": "seen"})
        ask("POST", f"/task/{task['id']}/complete", json={})
        ask("POST", f"/task/{task['id']}/localVariables", json={"modifications": {"mine": {"value": 1}}})
    for user in ["anna", "ben"]:
        profile = {"id": user, "firstName": user, "lastName": "x", "email": f"{user}@example.org"}
        ask("POST", "/user/create", json={"profile": profile, "credentials": {"password": "secret"}})
    ask("POST", "/group/create", json={"id": "sales", "name": "Sales", "type": "WORKFLOW"})
    ask("PUT", "/group/sales/members/anna")
    ask("POST", "/tenant/create", json={"id": "acme", "name": "Acme"})
    ask("POST", "/filter/create", json={"resourceType": "Task", "name": "all", "query": {}, "properties": {}})
    ask("POST", "/authorization/create",
        json={"type": 1, "permissions": ["READ"], "userId": "anna", "resourceType": 0, "resourceId": "*"})
    ask("POST", "/decision-definition/key/discount/evaluate", json={"variables": {"amount": {"value": 20}}})
    ask("POST", "/external-task/fetchAndLock",
        json={"workerId": "me", "maxTasks": 3, "topics": [{"topicName": "work", "lockDuration": 600000}]})
    if batch := ask("POST", "/process-instance/suspended-async",
                    json={"suspended": False, "processInstanceQuery": {"processDefinitionKey": "everything"}}):
        batches = [batch["id"]]
    else:
        batches = []

    instances = ids("/process-instance?processDefinitionKey=everything")
    resources = ids(f"/deployment/{deployed['id']}/resources") if deployed else []
    return {
        "process-instance": instances,
        "execution": ids("/execution?processDefinitionKey=everything"),
        "process-definition": ids("/process-definition?key=everything"),
        "decision-definition": ids("/decision-definition"),
        "decision-requirements-definition": ids("/decision-requirements-definition"),
        "deployment": [deployed["id"]] if deployed else [],
        "resource": resources,
        "task": ids("/task"),
        "external-task": ids("/external-task"),
        "job": ids("/job"),
        "job-definition": ids("/job-definition"),
        "incident": ids("/incident"),
        "variable-instance": ids("/variable-instance?variableName=amount"),
        "event-subscription": ids("/event-subscription"),
        "batch": batches,
        "filter": ids("/filter"),
        "authorization": ids("/authorization"),
        "activity-instance": ids("/history/activity-instance"),
        "detail": ids("/history/detail"),
        "decision-instance": ids("/history/decision-instance"),
        "user": ["anna", "ben"],
        "group": ["sales"],
        "tenant": ["acme"],
        "key": ["everything", "discount"],
        "activity": ["user", "work", "wait", "later", "broken"],
        "variable": ["amount", "name", "when", "flag", "data", "bytes"],
        "message": ["go"],
        "signal": ["alarm"],
        "topic": ["work"],
        "worker": ["me"],
        "business-key": ["order-1", "order-2"],
        "time": ["2020-01-01T00:00:00.000+0000", "2030-01-01T00:00:00.000+0000"],
    }
