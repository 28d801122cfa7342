//! A node and calls to its REST API.
use axum::{Router, body::Body};
use engine_node::{App, Node, Options};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use service::Shutdown;
use std::{path::PathBuf, time::Duration};
use tokio::net::TcpListener;
use tower::ServiceExt;

/// The sample's shape (S0-11).
pub const ORDER: &str = r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="http://orders">
  <bpmn:process id="Order_Process" name="Order" isExecutable="true" camunda:historyTimeToLive="5">
    <bpmn:startEvent id="start"/>
    <bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="create"/>
    <bpmn:serviceTask id="create" name="Create Invoice" camunda:type="external" camunda:topic="invoiceCreator"/>
    <bpmn:sequenceFlow id="f2" sourceRef="create" targetRef="store"/>
    <bpmn:task id="store" name="Store invoice"/>
    <bpmn:sequenceFlow id="f3" sourceRef="store" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process></bpmn:definitions>"#;

/// One of every wait state side by side.
pub const MANY: &str = r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="http://probe">
  <bpmn:message id="msg" name="paid"/>
  <bpmn:process id="Many" name="Many waits" isExecutable="true" camunda:historyTimeToLive="5" camunda:versionTag="v1">
    <bpmn:documentation>docs</bpmn:documentation>
    <bpmn:startEvent id="start"/>
    <bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="fork"/>
    <bpmn:parallelGateway id="fork"/>
    <bpmn:sequenceFlow id="f2" sourceRef="fork" targetRef="user"/>
    <bpmn:sequenceFlow id="f3" sourceRef="fork" targetRef="ext"/>
    <bpmn:sequenceFlow id="f4" sourceRef="fork" targetRef="recv"/>
    <bpmn:sequenceFlow id="f5" sourceRef="fork" targetRef="svc"/>
    <bpmn:userTask id="user" name="User Task" camunda:assignee="demo" camunda:candidateGroups="g1,g2"
      camunda:candidateUsers="u1"><bpmn:documentation>task docs</bpmn:documentation></bpmn:userTask>
    <bpmn:serviceTask id="ext" name="Ext" camunda:type="external" camunda:topic="work" camunda:taskPriority="7"/>
    <bpmn:receiveTask id="recv" name="Recv" messageRef="msg"/>
    <bpmn:serviceTask id="svc" name="Svc" camunda:asyncBefore="true" camunda:expression="${nope.x}"/>
    <bpmn:sequenceFlow id="f20" sourceRef="user" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process></bpmn:definitions>"#;

/// An answer: status, body (JSON, or text as a string, or null for none), headers.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: HeaderMap,
}

impl Reply {
    /// Status and masked body.
    pub fn masked(&self) -> (u16, Value) {
        (self.status, mask(&self.body))
    }
}

/// A node on a database of its own.
pub struct Api {
    router: Router,
    pub app: App,
    shutdown: Shutdown,
    dir: PathBuf,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shutdown.start();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Api {
    /// A node without job executor noise: jobs run when a test says so.
    pub async fn quiet() -> Api {
        Api::with(|options| options.job_executor_activate = false).await
    }

    /// A node whose executor runs.
    pub async fn running() -> Api {
        Api::with(|_| {}).await
    }

    /// A quiet node on that database instead of one of its own.
    pub async fn quiet_on(url: &str) -> Api {
        Api::with(|options| {
            options.job_executor_activate = false;
            options.database_url = Some(url.to_owned());
        })
        .await
    }

    /// A node with those options.
    pub async fn with(change: impl FnOnce(&mut Options)) -> Api {
        let name = format!(
            "stellwerk-rest-{}-{:016x}",
            std::process::id(),
            rand::random::<u64>()
        );
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        let mut options = Options::on_database(&format!("sqlite://{}", dir.join("node.db").display()));
        change(&mut options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = Shutdown::new(Duration::from_secs(5));
        let Node { app, .. } = engine_node::start(options, listener, None, shutdown.clone())
            .await
            .unwrap();
        Api {
            router: engine_node::rest::router(app.clone()),
            app,
            shutdown,
            dir,
        }
    }

    /// Any request.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) if text.is_empty() => Value::Null,
            Err(_) => Value::String(text),
        };
        Reply {
            status: parts.status.as_u16(),
            body,
            headers: parts.headers,
        }
    }

    /// A call without a body.
    pub async fn call(&self, method: &str, path: &str) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "front:8080");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A GET's status and body, whatever it is.
    pub async fn bytes(&self, path: &str) -> (u16, Vec<u8>) {
        let request = Request::get(path)
            .header("host", "front:8080")
            .body(Body::empty());
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (
            parts.status.as_u16(),
            body.collect().await.unwrap().to_bytes().to_vec(),
        )
    }

    /// A call with a JSON body.
    pub async fn json(&self, method: &str, path: &str, body: Value) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "front:8080");
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// A GET that must succeed: its body.
    pub async fn get(&self, path: &str) -> Value {
        let reply = self.call("GET", path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }

    /// A command that must answer 204.
    pub async fn done(&self, method: &str, path: &str, body: Value) {
        let reply = self.json(method, path, body).await;
        assert_eq!((reply.status, &reply.body), (204, &Value::Null), "{path}");
    }

    /// An upload of parts: name, file name, content.
    pub async fn upload(&self, parts: &[(&str, Option<&str>, &str)]) -> Reply {
        let mut body = String::new();
        for (name, file, content) in parts {
            let file = file.map(|f| format!("; filename=\"{f}\"")).unwrap_or_default();
            body += &format!(
                "--1a1f8a\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n"
            );
        }
        body += "--1a1f8a--\r\n";
        let request = Request::post("/deployment/create").header("host", "front:8080");
        // The charset before the boundary, as some clients write it.
        let request = request.header(
            "content-type",
            "multipart/form-data; charset=UTF-8; boundary=1a1f8a",
        );
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Deploys a model; the id of its definition.
    pub async fn deploy(&self, model: &str) -> String {
        let reply = self
            .upload(&[
                ("deployment-name", None, "test"),
                ("data", Some("model.bpmn"), model),
            ])
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let definitions = reply.body["deployedProcessDefinitions"].as_object().unwrap();
        definitions.keys().next().unwrap().clone()
    }

    /// Starts an instance by key; its id.
    pub async fn start(&self, key: &str, body: Value) -> String {
        let reply = self
            .json("POST", &format!("/process-definition/key/{key}/start"), body)
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a GET's body meets a condition.
    pub async fn until(&self, path: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let met = async {
            loop {
                let body = self.get(path).await;
                if condition(&body) {
                    return body;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), met)
            .await
            .unwrap_or_else(|_| panic!("never: {path}"))
    }
}

/// The id of the only row of a list.
pub fn only_id(rows: &Value) -> String {
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
    rows[0]["id"].as_str().unwrap().to_owned()
}

/// Ids become `ID`, times `TIME`, durations 0.
pub fn mask(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask_text(text)),
        Value::Array(items) => items.iter().map(mask).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match name.as_str() {
                "durationInMillis" if value.is_number() => (name.clone(), json!(0)),
                _ => (mask_text(name), mask(value)),
            })
            .collect(),
        other => other.clone(),
    }
}

fn mask_text(text: &str) -> String {
    let shaped = |at: usize, shape: &str| {
        let part = text.as_bytes().get(at..at + shape.len());
        part.is_some_and(|part| {
            part.iter().zip(shape.bytes()).all(|(c, s)| match s {
                b'x' => c.is_ascii_hexdigit(),
                b'0' => c.is_ascii_digit(),
                s => *c == s,
            })
        })
    };
    let (mut masked, mut at) = (String::new(), 0);
    while at < text.len() {
        if shaped(at, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") {
            masked += "ID";
            at += 36;
        } else if shaped(at, "0000-00-00T00:00:00.000+0000") {
            masked += "TIME";
            at += 28;
        } else {
            let c = text[at..].chars().next().unwrap();
            masked.push(c);
            at += c.len_utf8();
        }
    }
    masked
}

/// The reference's error body.
pub fn error(kind: &str, message: &str, code: impl Into<Option<i64>>) -> Value {
    json!({"type": kind, "message": message, "code": code.into()})
}
