"""What schemathesis is told about the API here: real ids in generated requests, and which answers are faults.

An answer is a fault if its status is 5xx or its body is not of the shape that the document declares for it, unless
`known.tsv` lists it: those are the reference's own, recorded by running this against it (a `_` there stands for anything).
`BASE` is the REST base. `RECORD=FILE` writes what isn't listed instead of failing, with an example of each in
`FILE.examples`.
"""
import atexit
import os
import random
import re
import threading
from pathlib import Path

import schemathesis
from schemathesis.core.failures import Failure, FailureGroup

import prepare

RECORD = os.environ.get("RECORD")
POOLS = prepare.fill(os.environ["BASE"])
FOUND = {}
LOCK = threading.Lock()
# Of a row's text.
LONGEST = 150
# Schemas say `date-time` and mean RFC 3339; the reference writes offsets without a colon.
REFERENCE_DATE = re.compile(r"\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}")


def known():
    """Operation → list of (status, pattern of what is wrong); `*` for every operation or status."""
    found = {}
    for line in Path(__file__).with_name("known.tsv").read_text().splitlines()[1:]:
        operation, status, what = line.split("\t")
        pattern = ".*".join(re.escape(part) for part in what.split("_"))
        # What is as long has been cut.
        pattern += ".*" * (len(what) == LONGEST)
        found.setdefault(operation, []).append((status, re.compile(pattern, re.DOTALL)))
    return found


KNOWN = known()
# Whether what is listed for one operation is known of all: the ids in requests are other ones in each run, and so is what
# the same request is refused with.
ANY_OPERATION = os.environ.get("ANY_OPERATION")


def is_known(operation, status, what):
    """Whether the list has it."""
    rows = sum(KNOWN.values(), []) if ANY_OPERATION else KNOWN.get("*", []) + KNOWN.get(operation, [])
    return any(row in ("*", status) and pattern.fullmatch(what) for row, pattern in rows)


# Pools by the name of a parameter or member; a list of values where the name ends like one of several.
NAMES = {
    "processInstanceId": "process-instance", "superProcessInstance": "process-instance",
    "subProcessInstance": "process-instance", "rootProcessInstanceId": "process-instance",
    "executionId": "execution", "processDefinitionId": "process-definition",
    "processDefinitionKey": "key", "key": "key", "decisionDefinitionKey": "key",
    "decisionDefinitionId": "decision-definition", "decisionRequirementsDefinitionId": "decision-requirements-definition",
    "deploymentId": "deployment", "resourceId": "resource", "taskId": "task", "externalTaskId": "external-task",
    "jobId": "job", "jobDefinitionId": "job-definition", "incidentId": "incident", "batchId": "batch",
    "activityInstanceId": "activity-instance", "activityId": "activity", "taskDefinitionKey": "activity",
    "userId": "user", "assignee": "user", "owner": "user", "candidateUser": "user", "groupId": "group",
    "candidateGroup": "group", "tenantId": "tenant", "variableName": "variable", "varName": "variable",
    "messageName": "message", "topicName": "topic", "workerId": "worker", "businessKey": "business-key",
    "processInstanceBusinessKey": "business-key", "migrationPlan": None,
}


def pool_of(name):
    """The pool for a parameter of that name: `processInstanceIdIn` and `processInstanceIds` are `processInstanceId`."""
    for shape in [name, re.sub(r"(In|s|NotIn|Like)$", "", name), re.sub(r"(Ids|IdIn)$", "Id", name)]:
        if NAMES.get(shape):
            return POOLS.get(NAMES[shape])
    if re.search(r"(Date|Time|Before|After|At|On)$", name):
        return POOLS["time"]
    return None


def replaced(value, name, draw):
    """A generated value with some of its parts taken from the pools."""
    if isinstance(value, dict):
        return {key: replaced(part, key, draw) for key, part in value.items()}
    pool = pool_of(name)
    if isinstance(value, list):
        if pool and draw.random() < 0.5:
            return [draw.choice(pool)]
        return [replaced(part, name, draw) for part in value]
    if isinstance(value, str) and pool and draw.random() < 0.5:
        return draw.choice(pool)
    return value


@schemathesis.hook
def before_call(_context, case, _arguments):
    """Puts real ids into the request; which ones depends on the request alone, so a seed repeats them."""
    draw = random.Random(f"{case.operation.label} {case.path_parameters} {case.query} {str(case.body)[:500]}")
    path = case.operation.path.strip("/").split("/")
    resource = path[1] if path[0] == "history" else path[0]
    if isinstance(case.path_parameters, dict):
        for name in list(case.path_parameters):
            before = path[path.index("{%s}" % name) - 1] if "{%s}" % name in path else ""
            pool = POOLS.get(before) or pool_of(name) or (POOLS.get(resource) if name == "id" else None)
            if pool and draw.random() < 0.7:
                case.path_parameters[name] = draw.choice(pool)
    if isinstance(case.query, dict):
        for name in list(case.query):
            case.query[name] = replaced(case.query[name], name, draw)
    if isinstance(case.body, (dict, list)):
        case.body = replaced(case.body, "", draw)
    # A poll that waits would only hold a worker of the run.
    if isinstance(case.body, dict) and isinstance(case.body.get("asyncResponseTimeout"), int):
        case.body["asyncResponseTimeout"] = min(case.body["asyncResponseTimeout"], 20)


def texts(value):
    """All texts and numbers of a request, as they may stand in a message."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield str(key)
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif value is not None and not isinstance(value, bytes):
        yield str(value)


def template(message, case):
    """A message with `_` for what the request, an id or a number put into it."""
    given = set(texts([case.path_parameters or {}, case.query or {}, case.body]))
    for text in sorted(filter(None, given), key=len, reverse=True):
        message = re.sub(r"(?<!\w)" + re.escape(text) + r"(?!\w)", "_", message)
    message = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|'[^']*'|\"[^\"]*\"|\d+|[^\x20-\x7e]+", "_", message)
    return re.sub(r"_(\W?_)+", "_", message)[:LONGEST]


def faults(response, case):
    """What is wrong with an answer: nothing if it is fine."""
    if response.status_code >= 500:
        try:
            body = response.json()
            yield f"{body.get('type')}: {body.get('message')}"
        except (ValueError, AttributeError):
            yield response.text
    try:
        case.operation.validate_response(response)
    except (Failure, FailureGroup) as error:
        for one in getattr(error, "exceptions", [error]):
            path = getattr(one, "schema_path", None)
            if path is None:
                yield f"shape {type(one).__name__} {str(one).splitlines()[0]}"
            elif not (isinstance(one.instance, str) and REFERENCE_DATE.fullmatch(one.instance)):
                place = "/".join("*" if isinstance(step, int) else step for step in one.instance_path)
                yield f"shape {place}: {path[-1]}"


@schemathesis.check
def as_the_reference(_context, response, case):
    """Fails on a fault that isn't listed."""
    operation, status = case.operation.label, str(response.status_code)
    new = [what for what in faults(response, case) if not is_known(operation, status, what)]
    for what in new:
        with LOCK:
            row = (operation, status, template(what, case))
            FOUND.setdefault(row, (case.as_curl_command(), response.text[:400]))
    if new and not RECORD:
        raise AssertionError("\n".join([f"{operation} {status}", *new]))


@atexit.register
def record():
    """Writes what was found."""
    if RECORD:
        rows = ["\t".join(row) for row in sorted(FOUND)]
        Path(RECORD).write_text("".join(row + "\n" for row in rows))
        examples = (f"{row}\n  {FOUND[tuple(row.split(chr(9)))][0][:1500]}\n  {FOUND[tuple(row.split(chr(9)))][1]}\n" for row in rows)
        Path(RECORD + ".examples").write_text("".join(examples))
