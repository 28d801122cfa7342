"""A worker of the unmodified package camunda-client, which does what a task's variable `case` says.

Usage: python cases_camunda_client.py BASE-URL WORKER-ID TOPIC [USER PASSWORD]
"""
import asyncio
import sys
from datetime import timedelta

import httpx
from camunda_client import ExternalTaskClient, ExternalTaskConfig, ExternalTaskWorker
from camunda_client.clients.dto import AuthData
from camunda_client.types_ import VariableValueSchema

base, worker_id, topic, *login = sys.argv[1:]
ECHOED = ["number", "text", "flag", "big", "ratio", "when", "data", "nothing"]


async def main():
    config = ExternalTaskConfig(max_tasks=10, retry_timeout=timedelta(milliseconds=1),
                                async_response_timeout=timedelta(seconds=5))
    login_data = AuthData(*(login or ["nobody", "nothing"]))
    client = ExternalTaskClient(worker_id, base, login_data, httpx.AsyncHTTPTransport(), config)
    worker = ExternalTaskWorker(client, timedelta(milliseconds=100))
    unlocked = set()
    async with worker, worker.subscribe(topic) as contexts:
        async for context in contexts:
            async with context as task:
                case = task.parsed_variables["case"]
                if case == "complete":
                    echo = {f"echo_{name}": task.variables[name] for name in ECHOED}
                    await context.complete(echo, {"mine": VariableValueSchema(value="local", type="String")})
                elif case == "fail" and task.retries is None:
                    await context.fail("not yet", retries=1, error_details="at line 1")
                elif case == "break" and task.retries is None:
                    await context.fail("broken", retries=0, error_details="a stack")
                elif case == "refuse":
                    reason = {"reason": VariableValueSchema(value="tired", type="String")}
                    await context.bpmn_error("REFUSED", "no, thanks", reason)
                elif case == "unlock" and task.id not in unlocked:
                    unlocked.add(task.id)
                    await context.unlock_task()
                    context._closed = True  # else the package reports it as failed, too
                else:
                    if case == "extend":
                        await client.extend_lock(task.id, new_duration=120000)
                    await context.complete()


asyncio.run(main())
