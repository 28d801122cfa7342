//! What requests are about: the same data made on both engines, and removed again.
use super::{
    Lockstep,
    request::{Body, Request, escaped},
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Models deployed at first, below `tests/compat/models`.
const MODELS: [&str; 14] = [
    "approve.bpmn",
    "execution.bpmn",
    "jobs.bpmn",
    "message.bpmn",
    "everything.bpmn",
    "call.bpmn",
    "dish.dmn",
    "outside.bpmn",
    "candidates.bpmn",
    "form.bpmn",
    "history.bpmn",
    "error.bpmn",
    "starters.bpmn",
    "rendered.bpmn",
];

/// Lists that tell of everything there is, each with how a thing in it is removed.
const REMOVED: [(&str, &str); 12] = [
    ("/deployment", "/deployment/{}?cascade=true"),
    ("/job", "/job/{}"),
    ("/process-instance", "/process-instance/{}"),
    ("/history/process-instance", "/history/process-instance/{}"),
    ("/task", "/task/{}"),
    ("/filter", "/filter/{}"),
    ("/authorization", "/authorization/{}"),
    ("/user", "/user/{}"),
    ("/group", "/group/{}"),
    ("/tenant", "/tenant/{}"),
    ("/batch", "/batch/{}?cascade=true"),
    ("/history/batch", "/history/batch/{}"),
];

impl Lockstep<'_> {
    /// Removes what is there, on each side what that side has.
    pub async fn clean(&self) -> Result<()> {
        for engine in [self.reference, self.ours] {
            for (list, removal) in REMOVED {
                let (_, rows) = engine.send("GET", list, None).await?;
                for row in rows.as_array().into_iter().flatten() {
                    let id = escaped(row["id"].as_str().unwrap_or_default());
                    engine.send("DELETE", &removal.replace("{}", &id), None).await?;
                }
            }
        }
        Ok(())
    }

    async fn made(&mut self, method: &str, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then_some(body);
        let request = Request::new(method, path, body);
        match self.ask(&request).await {
            Ok((answer, difference)) => {
                if let Some(difference) = difference {
                    self.note(&request, "set-up: ", &difference);
                }
                answer.body
            }
            Err(_) => Value::Null,
        }
    }

    async fn listed(&mut self, path: &str) -> Vec<Value> {
        let rows = self.made("GET", path, Value::Null).await;
        rows.as_array().cloned().unwrap_or_default()
    }

    async fn deploy(&mut self, models: &Path, file: &str, tenant: Option<&str>) -> Result<Value> {
        let text = fs::read_to_string(models.join(file)).with_context(|| file.to_owned())?;
        let mut request = Request::new("POST", "/deployment/create", None);
        let mut parts = vec![("deployment-name".to_owned(), None, None, file.to_owned())];
        if let Some(tenant) = tenant {
            parts.push(("tenant-id".to_owned(), None, None, tenant.to_owned()));
        }
        parts.push((file.to_owned(), Some(file.to_owned()), None, text));
        request.body = Body::Parts(parts);
        let (answer, difference) = self.ask(&request).await?;
        if let Some(difference) = difference {
            self.note(&request, "set-up: ", &difference);
        }
        Ok(answer.body)
    }

    /// Makes everything anew.
    pub async fn make(&mut self, models: &Path) -> Result<()> {
        for (id, first, last) in [
            ("anna", "Anna", "Probe"),
            ("ben", "Ben", "Probe"),
            ("cleo", "Cleo", "Other"),
        ] {
            let profile =
                json!({"id": id, "firstName": first, "lastName": last, "email": format!("{id}@example.org")});
            self.made(
                "POST",
                "/user/create",
                json!({"profile": profile, "credentials": {"password": "secret-1"}}),
            )
            .await;
        }
        for (id, name, kind) in [
            ("sales", "Sales", "WORKFLOW"),
            ("board", "The board", "WORKFLOW"),
            ("kitchen", "Kitchen", "SYSTEM"),
        ] {
            self.made(
                "POST",
                "/group/create",
                json!({"id": id, "name": name, "type": kind}),
            )
            .await;
        }
        for (id, name) in [("acme", "Acme"), ("zeta", "Zeta")] {
            self.made("POST", "/tenant/create", json!({"id": id, "name": name}))
                .await;
        }
        for path in [
            "/group/sales/members/anna",
            "/group/sales/members/ben",
            "/group/board/members/anna",
            "/tenant/acme/user-members/anna",
            "/tenant/acme/group-members/sales",
        ] {
            self.made("PUT", path, json!({})).await;
        }
        for (kind, resource, user, group) in [
            (1, 0, Some("anna"), None),
            (1, 6, None, Some("sales")),
            (0, 7, Some("*"), None),
            (2, 8, Some("ben"), None),
        ] {
            let id = if resource == 7 { "*" } else { "some" };
            self.made("POST", "/authorization/create", json!({"type": kind, "permissions": ["READ"], "userId": user, "groupId": group, "resourceType": resource, "resourceId": id})).await;
        }
        for file in MODELS {
            self.deploy(models, file, None).await?;
        }
        self.deploy(models, "outside.bpmn", Some("acme")).await?;
        self.deploy(models, "approve.bpmn", None).await?;

        let values = json!({
            "amount": {"value": 150, "type": "Integer"}, "customer": {"value": "Ann", "type": "String"},
            "flag": {"value": true, "type": "Boolean"}, "ratio": {"value": 2.5, "type": "Double"},
            "big": {"value": 5_000_000_000_i64, "type": "Long"}, "small": {"value": 7, "type": "Short"},
            "when": {"value": "2031-05-05T10:11:12.345+0000", "type": "Date"}, "nothing": {"value": null, "type": "Null"},
            "json": {"value": "{\"a\":[1,2]}", "type": "Json"}, "xml": {"value": "<a/>", "type": "Xml"},
            "bytes": {"value": "AQID", "type": "Bytes"},
            "file": {"value": "AQID", "type": "File", "valueInfo": {"filename": "f.txt", "mimeType": "text/plain"}},
            "object": {"value": "[1,2]", "type": "Object", "valueInfo": {"objectTypeName": "java.util.ArrayList<java.lang.Integer>", "serializationDataFormat": "application/json"}},
        });
        for (key, business, variables) in [
            ("compat_approve", "order-1", values.clone()),
            (
                "compat_approve",
                "order-2",
                json!({"amount": {"value": 500}, "customer": {"value": "Ben"}}),
            ),
            (
                "compat_approve",
                "order-3",
                json!({"amount": {"value": 5}, "customer": {"value": "ann"}}),
            ),
            ("Everything", "all-1", values.clone()),
            ("Everything", "all-2", json!({"everythingX": {"value": 0}})),
            ("compat_execution", "exec-1", json!({"amount": {"value": 1}})),
            ("compat_jobs", "jobs-1", json!({"period": {"value": "PT1000H"}})),
            ("compat_jobs", "jobs-2", json!({"period": {"value": "PT2000H"}})),
            ("compat_message", "msg-1", json!({"orderId": {"value": "o1"}})),
            ("compat_message", "msg-2", json!({"orderId": {"value": "o2"}})),
            (
                "compat_call_top",
                "call-1",
                json!({"amount": {"value": 1}, "process": {"value": "compat_call_child"}}),
            ),
            ("compat_outside", "out-1", values.clone()),
            ("compat_outside", "out-2", json!({})),
            ("compat_outside", "out-3", json!({"n": {"value": 3}})),
            ("compat_candidates", "cand-1", json!({})),
            ("compat_form", "form-1", json!({"name": {"value": "Ann"}})),
            ("compat_error", "err-1", json!({})),
        ] {
            let started = self
                .made(
                    "POST",
                    &format!("/process-definition/key/{key}/start"),
                    json!({"businessKey": business, "variables": variables}),
                )
                .await;
            let id = started["id"].as_str().unwrap_or_default().to_owned();
            for list in [
                "/task",
                "/execution",
                "/external-task",
                "/job",
                "/variable-instance",
                "/event-subscription",
                "/history/activity-instance",
            ] {
                let by = if list == "/variable-instance" {
                    "processInstanceIdIn"
                } else {
                    "processInstanceId"
                };
                self.listed(&format!("{list}?{by}={id}")).await;
            }
            self.made(
                "GET",
                &format!("/process-instance/{id}/activity-instances"),
                Value::Null,
            )
            .await;
        }
        self.made(
            "POST",
            "/process-definition/key/compat_outside/tenant-id/acme/start",
            json!({"businessKey": "tenant-1"}),
        )
        .await;

        // Work in different states.
        let jobs = self.listed("/job?activityId=work").await;
        for (number, job) in jobs.iter().enumerate() {
            let id = job["id"].as_str().unwrap_or_default().to_owned();
            self.made("POST", &format!("/job/{id}/execute"), json!({})).await;
            if number == 0 {
                self.made("PUT", &format!("/job/{id}/retries"), json!({"retries": 0}))
                    .await;
            }
        }
        let work = self.listed("/external-task?topicName=compat_outside").await;
        for (number, task) in work.iter().enumerate() {
            let id = task["id"].as_str().unwrap_or_default().to_owned();
            if number < 3 {
                self.made(
                    "POST",
                    &format!("/external-task/{id}/lock"),
                    json!({"workerId": "worker-1", "lockDuration": 10_000_000}),
                )
                .await;
            }
            if number == 0 {
                self.made("POST", &format!("/external-task/{id}/failure"), json!({"workerId": "worker-1", "errorMessage": "went wrong", "errorDetails": "in detail", "retries": 0, "retryTimeout": 0})).await;
            }
            if number == 1 {
                self.made(
                    "POST",
                    &format!("/external-task/{id}/complete"),
                    json!({"workerId": "worker-1", "variables": {"done": {"value": true}}}),
                )
                .await;
            }
        }
        let tasks = self.listed("/task?processDefinitionKey=compat_approve").await;
        if let Some(id) = tasks.first().and_then(|t| t["id"].as_str()) {
            let id = id.to_owned();
            self.made(
                "POST",
                &format!("/task/{id}/comment/create"),
                json!({"message": "a comment"}),
            )
            .await;
            let mut request = Request::new("POST", &format!("/task/{id}/attachment/create"), None);
            let part = |name: &str, file: Option<&str>, text: &str| {
                (name.to_owned(), file.map(str::to_owned), None, text.to_owned())
            };
            request.body = Body::Parts(vec![
                part("attachment-name", None, "notes"),
                part("attachment-description", None, "of anna"),
                part("attachment-type", None, "text/plain"),
                part("content", Some("notes.txt"), "notes"),
            ]);
            self.ask(&request).await?;
            self.made(
                "POST",
                &format!("/task/{id}/identity-links"),
                json!({"userId": "cleo", "type": "candidate"}),
            )
            .await;
            self.made(
                "POST",
                &format!("/task/{id}/localVariables"),
                json!({"modifications": {"local": {"value": "here"}}}),
            )
            .await;
            for list in ["comment", "attachment"] {
                for row in self.listed(&format!("/task/{id}/{list}")).await {
                    let found = row["id"].as_str().unwrap_or_default();
                    self.pool.remember(&format!("{list}Id"), found);
                }
            }
            self.made("POST", &format!("/task/{id}/delegate"), json!({"userId": "ben"}))
                .await;
        }
        if let Some(id) = tasks.get(1).and_then(|t| t["id"].as_str()) {
            self.made(
                "POST",
                &format!("/task/{id}/complete"),
                json!({"variables": {"approved": {"value": true}}}),
            )
            .await;
        }
        for (id, name, priority) in [("task-one", "One", 10), ("task-two", "Two", 90)] {
            self.made("POST", "/task/create", json!({"id": id, "name": name, "priority": priority, "description": format!("{name} to do"), "assignee": "anna", "owner": "ben", "due": "2041-05-05T10:11:12.345+0000", "followUp": "2040-01-01T00:00:00.000+0000"})).await;
        }
        self.made(
            "POST",
            "/task/create",
            json!({"name": "Part", "parentTaskId": "task-one", "tenantId": "acme"}),
        )
        .await;
        for (name, query) in [
            ("All", json!({})),
            (
                "Mine",
                json!({"assignee": "anna", "sorting": [{"sortBy": "created", "sortOrder": "desc"}]}),
            ),
        ] {
            self.made("POST", "/filter/create", json!({"resourceType": "Task", "name": name, "owner": "anna", "query": query, "properties": {"color": "#fff", "priority": 3}})).await;
        }
        for (key, variables) in [
            (
                "compat_dish",
                json!({"season": {"value": "summer"}, "guests": {"value": 6}, "date": {"value": null}}),
            ),
            (
                "compat_season",
                json!({"month": {"value": 7}, "date": {"value": null}}),
            ),
        ] {
            self.made(
                "POST",
                &format!("/decision-definition/key/{key}/evaluate"),
                json!({"variables": variables}),
            )
            .await;
        }
        let suspended = self.listed("/process-instance?businessKey=out-3").await;
        if let Some(id) = suspended.first().and_then(|i| i["id"].as_str()) {
            self.made(
                "PUT",
                &format!("/process-instance/{id}/suspended"),
                json!({"suspended": true}),
            )
            .await;
        }
        let gone = self.listed("/process-instance?businessKey=cand-1").await;
        if let Some(id) = gone.first().and_then(|i| i["id"].as_str()) {
            self.made("DELETE", &format!("/process-instance/{id}"), Value::Null)
                .await;
        }
        for definitions in ["/process-definition", "/decision-definition"] {
            self.listed(definitions).await;
        }
        for deployment in self.listed("/deployment").await {
            let id = deployment["id"].as_str().unwrap_or_default().to_owned();
            for row in self.listed(&format!("/deployment/{id}/resources")).await {
                let found = row["id"].as_str().unwrap_or_default();
                self.pool.remember("resourceId", found);
            }
        }
        for list in [
            "/task",
            "/execution",
            "/process-instance",
            "/job",
            "/job-definition",
            "/incident",
            "/external-task",
            "/variable-instance",
            "/event-subscription",
            "/decision-requirements-definition",
            "/filter",
            "/authorization",
            "/user",
            "/group",
            "/tenant",
            "/history/activity-instance",
            "/history/process-instance",
            "/history/task",
            "/history/detail",
            "/history/variable-instance",
            "/history/incident",
            "/history/job-log",
            "/history/external-task-log",
            "/history/decision-instance",
            "/history/identity-link-log",
        ] {
            self.listed(list).await;
        }
        Ok(())
    }
}
