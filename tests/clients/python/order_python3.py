"""Orders through the engine client of the unmodified package camunda-external-task-client-python3.

It doesn't deploy: the model is deployed already. Usage: python order_python3.py BASE-URL NAME [USER PASSWORD]
"""
import sys

from camunda.client.engine_client import EngineClient
from camunda.client.external_task_client import ExternalTaskClient
from camunda.process_definition.process_definition_client import ProcessDefinitionClient

base, name, *login = sys.argv[1:]
config = {"auth_basic": {"username": login[0], "password": login[1]}} if login else {}
engine = EngineClient(base, config)
worker = ExternalTaskClient(name, base, config | {"maxTasks": 10, "asyncResponseTimeout": 5000})

keys = [f"{name} {number} ä/&+" for number in range(3)]
started = [engine.start_process("client-order", {"topic": name, "number": 7}, business_key=key)["id"] for key in keys]
found = engine.get_process_instance("client-order", [f"topic_eq_{name}"])
assert {row["id"] for row in found} == set(started), found
definitions = ProcessDefinitionClient(base, config).get_process_definitions(
    "client-order", None, None, offset=0, limit=10)
assert definitions[0]["key"] == "client-order", definitions

fetched = {}
while len(fetched) < len(keys):
    more = worker.fetch_and_lock(name)
    assert more, "work is left"
    fetched |= {task["processInstanceId"]: task for task in more}
assert fetched[started[0]]["variables"]["number"]["value"] == 7, fetched
document = {"type": "File", "value": "w6Q=", "valueInfo": {"filename": "a.txt", "mimetype": "text/plain"}}
assert worker.complete(fetched[started[0]]["id"], {"sum": 8, "document": document})
assert worker.failure(fetched[started[1]]["id"], "broken", "a stack", 0, 0)
assert worker.bpmn_failure(fetched[started[2]]["id"], "REFUSED", "no, thanks", {"reason": "tired"})
assert engine.get_process_instance_variable(started[0], "document").strip() == "w6Q="
[result] = engine.correlate_message("order-confirmed", business_key=keys[0], process_variables={"by": name})
assert result["resultType"] == "Execution", result
try:
    engine.correlate_message("order-confirmed", business_key=keys[0])
    raise SystemExit("a message came twice")
except Exception as error:
    assert str(error).startswith("received 400 : RestException"), error
assert engine.get_jobs(0, 10, process_instance_id=started[0]) == []
print("done")
