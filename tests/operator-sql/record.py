#!/usr/bin/env python3
"""Runs scenario.json on a Camunda 7 (REST root, then its database's URL) and writes what its database answers to
statements.sql. Needs psql. Leaves the deployment there no longer: python3 record.py REST-ROOT postgres://..."""
import json, pathlib, subprocess, sys, time, urllib.request

rest, database = sys.argv[1:3]
here = pathlib.Path(__file__).parent


def call(method, path, body=None, kind="application/json"):
    request = urllib.request.Request(rest + path, method=method, data=body, headers={"Content-Type": kind} if body else {})
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def at(value, pointer):
    for part in pointer.strip("/").split("/"):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


saved, deployment = {}, None
for step in json.loads((here / "scenario.json").read_text())["steps"]:
    if "deploy" in step:
        model = (here / step["deploy"]).read_bytes()
        head = '--x\r\nContent-Disposition: form-data; name="deployment-name"\r\n\r\noperators\r\n--x\r\nContent-Disposition: form-data; name="data"; filename="history.bpmn"\r\n\r\n'
        body = head.encode() + model + b"\r\n--x--\r\n"
        deployment = call("POST", "/deployment/create", body, "multipart/form-data; boundary=x")["id"]
        continue
    fill = lambda text: [text := text.replace("{{" + k + "}}", v) for k, v in saved.items()][-1] if saved else text
    method, path = fill(step["do"]).split(" ", 1)
    body = fill(json.dumps(step["body"])).encode() if "body" in step else None
    for _ in range(600):
        answer = call(method, path, body)
        if "until" not in step or at(answer, step["until"]["at"]) == step["until"]["is"]:
            break
        time.sleep(0.1)
    for name, pointer in step.get("save", {}).items():
        saved[name] = at(answer, pointer)

out = []
for line in (here / "statements.sql").read_text().splitlines():
    if line.startswith("-> "):
        continue
    out.append(line)
    if line.startswith("SELECT"):
        rows = subprocess.check_output(["psql", database, "-AtX", "-c", line], text=True).splitlines()
        out += ["-> " + row for row in rows]
(here / "statements.sql").write_text("\n".join(out) + "\n")
call("DELETE", f"/deployment/{deployment}?cascade=true")
