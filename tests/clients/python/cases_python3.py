"""A worker of the unmodified package camunda-external-task-client-python3, which does what a task's variable `case` says.

Usage: python cases_python3.py BASE-URL WORKER-ID TOPIC [USER PASSWORD]
"""
import sys

from camunda.external_task.external_task_worker import ExternalTaskWorker

base, worker_id, topic, *login = sys.argv[1:]
config = {"maxTasks": 10, "lockDuration": 60000, "asyncResponseTimeout": 5000, "sleepSeconds": 1,
          "deserializeValues": False}
if login:
    config["auth_basic"] = {"username": login[0], "password": login[1]}


def act(task):
    case = task.get_variable("case")
    if case == "complete":
        names = ["number", "text", "flag", "big", "ratio", "when", "data"]
        echo = {f"echo_{name}": task.get_variable(name, with_meta=True) for name in names}
        return task.complete(echo | {"echo_nothing": None}, {"mine": "local"})
    if case == "fail" and task._context["retries"] is None:
        return task.failure("not yet", "at line 1", max_retries=1, retry_timeout=1)
    if case == "break" and task._context["retries"] is None:
        return task.failure("broken", "a stack", max_retries=0, retry_timeout=1)
    if case == "refuse":
        return task.bpmn_error("REFUSED", "no, thanks", {"reason": "tired"})
    return task.complete()


ExternalTaskWorker(worker_id, base, config).subscribe([topic], act)
