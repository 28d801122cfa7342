//! Random requests from the reference's OpenAPI document: its operations, parameters, bodies and sort criteria, with values
//! that earlier answers have told, and now and then something that isn't right.
use super::{
    pool::{Pool, name_of},
    rng::Rng,
};
use serde_json::{Map, Value, json};

/// One operation of the document.
pub struct Operation {
    pub method: String,
    pub path: String,
    pub tier: u8,
    described: Value,
}

/// Its operations with their tiers; those without a row in the table are of the third.
pub fn operations(document: &Value) -> Vec<Operation> {
    let tiers = rest_api::operations::operations();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, described) in methods.as_object().into_iter().flatten() {
            let method = method.to_uppercase();
            let row = tiers.iter().find(|o| o.method == method && o.path == path);
            all.push(Operation {
                tier: row.map_or(3, |o| o.tier),
                method,
                path: path.clone(),
                described: described.clone(),
            });
        }
    }
    all
}

#[derive(Clone, Debug)]
pub enum Body {
    None,
    Text(String),
    /// Name, file name, media type, content.
    Parts(Vec<(String, Option<String>, Option<String>, String)>),
}

/// A request as the reference gets it.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// The operation's path.
    pub template: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Body,
    pub content_type: Option<String>,
    pub accept: Option<String>,
    /// What the list asked for is sorted by.
    pub sorted_by: Option<String>,
}

impl Request {
    pub fn new(method: &str, path: &str, body: Option<Value>) -> Request {
        let content_type = body.is_some().then(|| "application/json".to_owned());
        Request {
            method: method.to_owned(),
            template: path.split('?').next().unwrap_or(path).to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            body: body.map_or(Body::None, |body| Body::Text(body.to_string())),
            content_type,
            accept: None,
            sorted_by: None,
        }
    }

    /// Whether a part of a list was asked for.
    pub fn paged(&self) -> bool {
        self.query
            .iter()
            .any(|(name, _)| name == "firstResult" || name == "maxResults")
    }

    /// The request in one line.
    pub fn line(&self) -> String {
        let query: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut line = format!("{} {}", self.method, self.path);
        if !query.is_empty() {
            line += &format!("?{}", query.join("&"));
        }
        if let Some(content) = self.content_type.as_ref().filter(|c| *c != "application/json") {
            line += &format!(" [{content}]");
        }
        if let Some(accept) = &self.accept {
            line += &format!(" [accept {accept}]");
        }
        match &self.body {
            Body::None => {}
            Body::Text(text) => line += &format!(" {text}"),
            Body::Parts(parts) => line += &format!(" {parts:?}"),
        }
        line
    }
}

/// Makes requests from what is known.
pub struct Maker<'a> {
    pub document: &'a Value,
    pub pool: &'a Pool,
    pub rng: &'a mut Rng,
    /// How many in a hundred aren't right in some way.
    pub wrong: usize,
}

const TIMES: [&str; 6] = [
    "2001-02-03T04:05:06.789+0000",
    "2019-12-31T23:59:59.999+0100",
    "2041-05-05T10:11:12.345+0000",
    "2038-01-19T03:14:07.000+0000",
    "2045-06-07T08:09:10.111-0500",
    "2033-03-03T03:03:03.003+0000",
];
const WRONG_TIMES: [&str; 6] = [
    "2031-05-05",
    "yesterday",
    "2031-05-05T10:11:12Z",
    "2031-13-45T10:11:12.345+0000",
    "",
    "1700000000000",
];

impl Maker<'_> {
    /// A request for an operation.
    pub fn request(&mut self, operation: &Operation) -> Request {
        let mut request = Request::new(&operation.method, &operation.path, None);
        request.path = self.path(&operation.path);
        self.query(operation, &mut request);
        let content = &operation.described["requestBody"]["content"];
        if let Some(described) = content.get("multipart/form-data") {
            request.body = Body::Parts(self.parts(operation, &described["schema"]));
            request.content_type = None;
        } else if let Some(described) = content.get("application/json") {
            let schema = self.resolved(&described["schema"]);
            let mut body = self.object(
                &operation.path,
                &schema,
                0,
                operation.path.ends_with("/count") || self.is_list(operation),
            );
            request.sorted_by = body["sorting"][0]["sortBy"].as_str().map(str::to_owned);
            if self.rng.chance(self.wrong / 2) {
                self.spoil(&mut body);
            }
            request.body = Body::Text(body.to_string());
            request.content_type = Some("application/json".into());
        } else if operation.method == "POST" || operation.method == "PUT" {
            request.content_type = Some("application/json".into());
            request.body = Body::Text(String::new());
        }
        if self.rng.chance(self.wrong / 3) {
            self.twist(operation, &mut request);
        }
        request
    }

    fn is_list(&self, operation: &Operation) -> bool {
        operation.method == "POST"
            && self
                .described_parameters(operation)
                .iter()
                .any(|p| p["name"] == "firstResult" || p["name"] == "maxResults")
    }

    fn described_parameters(&self, operation: &Operation) -> Vec<Value> {
        operation.described["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    fn path(&mut self, template: &str) -> String {
        let mut path = String::new();
        let mut before = String::new();
        for part in template.split('/').skip(1) {
            path.push('/');
            if let Some(name) = part.strip_prefix('{') {
                let name = name.trim_end_matches('}').to_owned();
                path.push_str(&self.segment(&before, &name));
            } else {
                path.push_str(part);
                before.push('/');
                before.push_str(part);
            }
        }
        path
    }

    /// A value of a path's parameter.
    fn segment(&mut self, before: &str, name: &str) -> String {
        if self.rng.chance(self.wrong / 3) {
            return self
                .rng
                .pick(&[
                    "unknown",
                    "00000000-0000-0000-0000-000000000000",
                    "a:1:b",
                    "x%20y",
                    "1",
                ])
                .to_string();
        }
        let kind = match (before, name) {
            ("/metrics", _) => {
                return self
                    .rng
                    .pick(&[
                        "activity-instance-start",
                        "job-successful",
                        "root-process-instance-start",
                        "executed-decision-instances",
                        "flow-node-instances",
                        "unknown",
                    ])
                    .to_string();
            }
            (_, "id" | "key") if before.starts_with("/engine") => return "default".into(),
            (_, "engine") => return "default".into(),
            ("/execution/messageSubscriptions", _) | (_, "messageName") => "eventName".to_owned(),
            (_, "attachmentId" | "commentId" | "resourceId") => name.to_owned(),
            _ => name_of(before, name),
        };
        let kind = if self.rng.chance(self.wrong / 5) {
            self.rng
                .pick(&["processInstanceId", "executionId", "taskId", "jobId"])
                .to_string()
        } else {
            kind
        };
        let value = self.pool.pick(&kind, self.rng).map(str::to_owned);
        escaped(&value.unwrap_or_else(|| "unknown".into()))
    }

    fn query(&mut self, operation: &Operation, request: &mut Request) {
        let all: Vec<Value> = self
            .described_parameters(operation)
            .into_iter()
            .filter(|p| p["in"] == "query" && p["name"] != "cursor")
            .collect();
        let named = |name: &str| all.iter().find(|p| p["name"] == name).cloned();
        let plain: Vec<&Value> = all
            .iter()
            .filter(|p| {
                !["sortBy", "sortOrder", "firstResult", "maxResults"]
                    .contains(&p["name"].as_str().unwrap_or(""))
            })
            .collect();
        if !plain.is_empty() {
            let most = [0, 1, 1, 1, 2, 2, 3][self.rng.below(7)];
            for parameter in plain.iter().filter(|p| p["required"] == true) {
                self.parameter(operation, parameter, request);
            }
            for _ in 0..most {
                let parameter = plain[self.rng.below(plain.len())];
                let name = parameter["name"].as_str().unwrap_or_default();
                if !request.query.iter().any(|(n, _)| n == name) {
                    self.parameter(operation, parameter, request);
                }
            }
        }
        if let Some(by) = named("sortBy").filter(|_| self.rng.chance(30)) {
            let names: Vec<String> = strings(&by["schema"]["enum"]);
            let by = match names.is_empty() || self.rng.chance(self.wrong / 3) {
                true => self.rng.pick(&["nonsense", "", "id", "ID"]).to_string(),
                false => self.rng.pick(&names).clone(),
            };
            request.sorted_by = Some(by.clone());
            request.query.push(("sortBy".into(), by));
            if !self.rng.chance(self.wrong / 5) {
                let orders = match self.rng.chance(self.wrong / 4) {
                    true => ["up", "ASC"],
                    false => ["asc", "desc"],
                };
                request
                    .query
                    .push(("sortOrder".into(), self.rng.pick(&orders).to_string()));
            }
        }
        for name in ["firstResult", "maxResults"] {
            if named(name).is_some() && self.rng.chance(12) {
                let value = match self.rng.chance(self.wrong / 2) {
                    true => *self.rng.pick(&["abc", "-1", "", "1.5", "99999999999", "0"]),
                    false => *self.rng.pick(&["0", "1", "2", "5", "1000"]),
                };
                request.query.push((name.into(), value.into()));
            }
        }
        if self.rng.chance(self.wrong / 8) {
            request.query.push(("unknownParameter".into(), "x".into()));
        }
    }

    fn parameter(&mut self, operation: &Operation, parameter: &Value, request: &mut Request) {
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        let schema = &parameter["schema"];
        let wrong = self.rng.chance(self.wrong / 3);
        let value = if name == "variables" || name.ends_with("Variables") && !name.starts_with("with") {
            self.condition(wrong)
        } else if wrong {
            self.rng
                .pick(&[
                    "",
                    "nonsense",
                    "true",
                    "-1",
                    "a,b",
                    "%",
                    "1,,2",
                    "99999999999",
                    "2031-05-05",
                ])
                .to_string()
        } else {
            match schema["type"].as_str() {
                Some("boolean") => self.rng.pick(&["true", "true", "true", "false"]).to_string(),
                Some("integer") => self.rng.pick(&["0", "1", "2", "5", "50", "7", "100"]).to_string(),
                _ if !schema["enum"].is_null() => {
                    let values = strings(&schema["enum"]);
                    self.rng.pick(&values).clone()
                }
                _ => {
                    let list = name.ends_with("In") || name.ends_with("Ids") || name == "candidateGroups";
                    let count = if list { 1 + self.rng.below(3) } else { 1 };
                    (0..count)
                        .map(|_| self.text(&operation.path, &name))
                        .collect::<Vec<_>>()
                        .join(",")
                }
            }
        };
        request.query.push((name, value));
    }

    /// A condition on a variable, as lists know it in a query.
    fn condition(&mut self, wrong: bool) -> String {
        if wrong {
            return self
                .rng
                .pick(&[
                    "amount",
                    "amount_eq",
                    "amount_is_5",
                    "a_eq_b_c",
                    ",",
                    "amount_like_5",
                ])
                .to_string();
        }
        let name = self.variable();
        let operator = *self
            .rng
            .pick(&["eq", "neq", "gt", "gteq", "lt", "lteq", "like", "eq", "notLike"]);
        let value = *self
            .rng
            .pick(&["5", "150", "Ann", "%n%", "true", "ann", "2.5", "null", "a b"]);
        format!("{name}_{operator}_{value}")
    }

    fn variable(&mut self) -> String {
        match self.pool.pick("variableName", self.rng) {
            Some(name) if !name.contains(['_', ' ', ',']) => name.to_owned(),
            _ => self
                .rng
                .pick(&["amount", "customer", "flag", "ratio", "none"])
                .to_string(),
        }
    }

    /// A text for a name: one that has been told under it, or one that nobody has.
    fn text(&mut self, path: &str, name: &str) -> String {
        if is_time(name) {
            let wrong = self.rng.chance(self.wrong / 3);
            return match wrong {
                true => self.rng.pick(&WRONG_TIMES),
                false => self.rng.pick(&TIMES),
            }
            .to_string();
        }
        if name.ends_with("Expression") {
            return self
                .rng
                .pick(&[
                    "${'demo'}",
                    "${currentUser()}",
                    "${now()}",
                    "${dateTime().plusDays(2)}",
                    "${1",
                ])
                .to_string();
        }
        let known = self.pool.pick(&name_of(path, name), self.rng).map(str::to_owned);
        let value = match known {
            Some(known) if !self.rng.chance(12) => known,
            _ => self
                .rng
                .pick(&[
                    "unknown",
                    "demo",
                    "00000000-0000-0000-0000-000000000000",
                    "Ümläut & more",
                    "a",
                    "x y",
                    "5",
                ])
                .to_string(),
        };
        if name.ends_with("Like") && value.is_ascii() && value.len() > 1 {
            let half = value.len() / 2;
            return match self.rng.below(5) {
                0 => format!("{}%", &value[..half]),
                1 => format!("%{}", &value[half..]),
                2 => format!("%{}%", &value[half - half / 2..half]),
                3 => value.to_uppercase(),
                _ => format!("%{}_", &value[1..value.len() - 1]),
            };
        }
        value
    }

    /// A schema without references, with what all of its parts have.
    fn resolved(&self, schema: &Value) -> Value {
        let mut schema = schema.clone();
        while let Some(target) = schema["$ref"].as_str() {
            let pointer = target.trim_start_matches('#');
            schema = self.document.pointer(pointer).cloned().unwrap_or_default();
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut members = schema["properties"].as_object().cloned().unwrap_or_default();
            for part in parts {
                let part = self.resolved(part);
                members.extend(part["properties"].as_object().cloned().unwrap_or_default());
            }
            return json!({"type": "object", "properties": members});
        }
        schema
    }

    fn object(&mut self, path: &str, schema: &Value, depth: usize, query: bool) -> Value {
        if schema["type"] == "array" {
            return self.value(path, "", schema, depth);
        }
        let members: Vec<(String, Value)> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(n, s)| (n.clone(), s.clone()))
            .collect();
        let required = strings(&schema["required"]);
        let mut object = Map::new();
        // Conditions of a query narrow it: few of them. A command wants most of what it knows.
        let share = match (query, members.len()) {
            (_, 0) => 0,
            (true, n) => 150 / n,
            (false, n) if n > 14 => 200 / n,
            (false, 1) => 94,
            (false, 2..=3) => 75,
            _ => 50,
        };
        for (name, schema) in members {
            let wanted = required.contains(&name) && !query;
            let share = match name.as_str() {
                "orQueries" if depth == 0 => 8,
                "orQueries" => 0,
                "sorting" if query => 25,
                "workerId" | "messageName" | "topics" | "maxTasks" | "userId" | "type" | "instructions" => 90,
                _ => share,
            };
            if wanted && !self.rng.chance(self.wrong / 4) || self.rng.chance(share) {
                let value = self.value(path, &name, &schema, depth + 1);
                object.insert(name, value);
            }
        }
        Value::Object(object)
    }

    fn value(&mut self, path: &str, name: &str, schema: &Value, depth: usize) -> Value {
        let typed = schema["additionalProperties"]["$ref"]
            .as_str()
            .is_some_and(|r| r.contains("VariableValueDto"))
            || schema["$ref"]
                .as_str()
                .is_some_and(|r| r.ends_with("TriggerVariableValueDto"));
        if typed || (name == "correlationKeys" || name == "localCorrelationKeys") {
            return self.variables(typed && schema["$ref"].is_string());
        }
        let schema = self.resolved(schema);
        if !schema["enum"].is_null() {
            let values = strings(&schema["enum"]);
            return match self.rng.chance(self.wrong / 6) {
                true => "nonsense".into(),
                false => self.rng.pick(&values).clone().into(),
            };
        }
        match schema["type"].as_str() {
            Some("boolean") => self.rng.chance(70).into(),
            Some("integer" | "number") => {
                let values = match (name.ends_with("riority") || name == "retries", name) {
                    (true, _) => [0, 1, 3, 5, 7, 50],
                    (_, "lockDuration" | "newDuration") => [100_000, 600_000, 1_000_000, 100_000, 600_000, 0],
                    (_, "maxTasks") => [1, 2, 5, 10, 0, 3],
                    (_, "asyncResponseTimeout") => [0, 1, 1, 1, 0, 1_800_001],
                    _ => [0, 1, 2, 5, 10, -1],
                };
                (*self.rng.pick(&values)).into()
            }
            Some("array") if depth > 6 => json!([]),
            Some("array") => {
                let count = [0, 1, 1, 1, 2, 2][self.rng.below(6)];
                (0..count)
                    .map(|_| self.value(path, name, &schema["items"], depth + 1))
                    .collect()
            }
            Some("object") if depth > 5 => json!({}),
            Some("object") => {
                if schema["properties"].is_null() {
                    return json!({});
                }
                let members = schema["properties"].as_object();
                let query = members.is_some_and(|m| m.contains_key("orQueries") || m.len() > 20)
                    || members.is_some_and(|m| m.contains_key("sortBy"));
                if members.is_some_and(|m| m.contains_key("operator")) {
                    return self.comparison();
                }
                self.object(
                    path,
                    &schema,
                    depth,
                    query && !members.is_some_and(|m| m.contains_key("sortOrder") && m.len() <= 3),
                )
            }
            Some("string") => self.text(path, name).into(),
            _ => self.any(),
        }
    }

    fn comparison(&mut self) -> Value {
        let operators = [
            "eq", "neq", "gt", "gteq", "lt", "lteq", "like", "notLike", "eq", "eq",
        ];
        let mut comparison =
            json!({"name": self.variable(), "operator": *self.rng.pick(&operators), "value": self.any()});
        if self.rng.chance(self.wrong / 4) {
            let member = *self.rng.pick(&["name", "operator", "value"]);
            comparison[member] = Value::Null;
        }
        comparison
    }

    fn any(&mut self) -> Value {
        match self.rng.below(9) {
            0 => json!(5),
            1 => json!("Ann"),
            2 => json!(true),
            3 => json!(2.5),
            4 => json!("%n%"),
            5 => Value::Null,
            6 => json!(150),
            7 => json!(5_000_000_000_i64),
            _ => json!("text"),
        }
    }

    fn variables(&mut self, triggers: bool) -> Value {
        let mut variables = Map::new();
        for _ in 0..1 + self.rng.below(2) {
            let name = self.variable();
            let mut value = self.typed();
            if triggers && self.rng.chance(50) {
                value["local"] = true.into();
            }
            variables.insert(name, value);
        }
        Value::Object(variables)
    }

    /// A variable's value with its type.
    pub fn typed(&mut self) -> Value {
        let object = json!({"objectTypeName": "java.util.ArrayList<java.lang.Integer>", "serializationDataFormat": "application/json"});
        let good = [
            json!({"value": 5, "type": "Integer"}),
            json!({"value": 5}),
            json!({"value": "Ann"}),
            json!({"value": "Ann", "type": "String"}),
            json!({"value": true, "type": "Boolean"}),
            json!({"value": 5_000_000_000_i64, "type": "Long"}),
            json!({"value": 7, "type": "Short"}),
            json!({"value": 2.5, "type": "Double"}),
            json!({"value": "2031-05-05T10:11:12.345+0000", "type": "Date"}),
            json!({"value": "AQID", "type": "Bytes"}),
            json!({"value": null, "type": "Null"}),
            json!({"value": "{\"a\":[1,2]}", "type": "Json"}),
            json!({"value": "<a><b/></a>", "type": "Xml"}),
            json!({"value": "[1,2]", "type": "Object", "valueInfo": object}),
            json!({"value": "AQID", "type": "File", "valueInfo": {"filename": "f.txt", "mimeType": "text/plain", "encoding": "UTF-8"}}),
            json!({"value": "passing", "type": "String", "valueInfo": {"transient": true}}),
            json!({}),
            json!({"value": null}),
        ];
        let bad = [
            json!({"value": "five", "type": "Integer"}),
            json!({"value": 5, "type": "String"}),
            json!({"value": "5", "type": "Integer"}),
            json!({"value": 99_999_999_999_i64, "type": "Integer"}),
            json!({"value": 1.5, "type": "Long"}),
            json!({"value": "yes", "type": "Boolean"}),
            json!({"value": "yesterday", "type": "Date"}),
            json!({"value": "???", "type": "Bytes"}),
            json!({"value": {"a": 1}}),
            json!({"value": [1]}),
            json!({"value": {"a": 1}, "type": "Json"}),
            json!({"value": 1, "type": "Unknown"}),
            json!({"value": "x", "type": "Object"}),
            json!({"value": "AQID", "type": "File"}),
            json!({"value": "x", "type": "File", "valueInfo": {"mimeType": "text/plain"}}),
            json!({"value": 5, "type": "integer"}),
            json!({"value": 5, "type": "Number"}),
            json!({"value": 1, "valueInfo": {"transient": "maybe"}}),
            json!({"value": "{", "type": "Json"}),
            json!({"value": "x", "type": null}),
            Value::Null,
        ];
        match self.rng.chance(self.wrong / 2) {
            true => self.rng.pick(&bad).clone(),
            false => self.rng.pick(&good).clone(),
        }
    }

    /// One member made something it shouldn't be.
    fn spoil(&mut self, body: &mut Value) {
        let wrong = [
            Value::Null,
            json!("text"),
            json!(true),
            json!(-1),
            json!(1.5),
            json!([]),
            json!({}),
            json!([null]),
            json!(""),
            json!(99_999_999_999_i64),
        ];
        let wrong = self.rng.pick(&wrong).clone();
        match body {
            Value::Object(members) if !members.is_empty() => {
                let names: Vec<String> = members.keys().cloned().collect();
                let name = self.rng.pick(&names).clone();
                let deeper = members[&name].is_object() || members[&name].is_array();
                if deeper && self.rng.chance(50) {
                    self.spoil(&mut members[&name]);
                } else if self.rng.chance(25) {
                    members.remove(&name);
                } else {
                    members.insert(name, wrong);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                let at = self.rng.below(items.len());
                items[at] = wrong;
            }
            Value::Object(members) => {
                members.insert("unknownMember".into(), wrong);
            }
            other => *other = wrong,
        }
    }

    /// A request that HTTP takes and the operation doesn't.
    fn twist(&mut self, operation: &Operation, request: &mut Request) {
        let bodied = operation.method == "POST" || operation.method == "PUT";
        match self.rng.below(if bodied { 9 } else { 3 }) {
            0 if operation.method == "GET" => request.method = "HEAD".into(),
            0 | 1 => {
                request.accept = Some(
                    (*self.rng.pick(&[
                        "application/xml",
                        "text/plain",
                        "application/hal+json",
                        "*/*",
                        "application/json",
                    ]))
                    .into(),
                )
            }
            2 => request.method = (*self.rng.pick(&["DELETE", "PUT", "PATCH", "POST"])).into(),
            3 => {
                request.content_type = Some(
                    (*self.rng.pick(&[
                        "text/plain",
                        "application/xml",
                        "application/json; charset=UTF-8",
                        "application/x-www-form-urlencoded",
                    ]))
                    .into(),
                )
            }
            4 => {
                request.body = Body::Text(
                    (*self
                        .rng
                        .pick(&["{", "[", "{\"a\":}", "nonsense", "\"text\"", "5", "[]", "{}{}"]))
                    .into(),
                )
            }
            5 => request.body = Body::Text("null".into()),
            6 => request.body = Body::Text("{}".into()),
            7 => {
                request.body = Body::None;
                request.content_type = None;
            }
            _ => request.body = Body::Text(String::new()),
        }
    }

    fn parts(
        &mut self,
        operation: &Operation,
        schema: &Value,
    ) -> Vec<(String, Option<String>, Option<String>, String)> {
        let text = |name: &str, value: &str| (name.to_owned(), None, None, value.to_owned());
        if operation.path == "/deployment/create" {
            let model = include_str!("deployed.bpmn");
            let mut parts = vec![text(
                "deployment-name",
                self.rng.pick::<&str>(&["probe", "probe two", ""]),
            )];
            for (name, values) in [
                ("deployment-source", &["probe", "elsewhere"][..]),
                ("enable-duplicate-filtering", &["true", "false", "nonsense"]),
                ("deploy-changed-only", &["true", "false"]),
                ("tenant-id", &["acme", "unknown"]),
                (
                    "deployment-activation-time",
                    &["2045-06-07T08:09:10", "2045-06-07T08:09:10.111+0000", "nonsense"],
                ),
            ] {
                if self.rng.chance(20) {
                    parts.push(text(name, self.rng.pick::<&str>(values)));
                }
            }
            if !self.rng.chance(self.wrong / 3) {
                let content = match self.rng.chance(self.wrong) {
                    true => model.replace(
                        "userTask",
                        self.rng
                            .pick::<&str>(&["nonsenseTask", "userTask id='b'", "serviceTask"]),
                    ),
                    false => model.to_owned(),
                };
                parts.push(("data".into(), Some("deployed.bpmn".into()), None, content));
            }
            if self.rng.chance(20) {
                parts.push((
                    "more".into(),
                    Some("notes.txt".into()),
                    Some("text/plain".into()),
                    "notes".into(),
                ));
            }
            return parts;
        }
        let mut parts = Vec::new();
        let names: Vec<String> = schema["properties"]
            .as_object()
            .map(|m| m.keys().cloned().collect())
            .unwrap_or_default();
        for name in names {
            if !self.rng.chance(75) {
                continue;
            }
            if name == "data" || name == "content" {
                let file = self.rng.chance(70).then(|| "f.txt".to_owned());
                let media = self.rng.chance(60).then(|| "text/plain".to_owned());
                parts.push((name, file, media, "some bytes".into()));
            } else {
                let value = match name.as_str() {
                    "valueType" => self.rng.pick(&["Bytes", "File", "File", "Nonsense"]).to_string(),
                    "url" => "http://example.org/x".into(),
                    _ => self.text(&operation.path, &name),
                };
                parts.push(text(&name, &value));
            }
        }
        parts
    }
}

fn is_time(name: &str) -> bool {
    let ends = [
        "Before",
        "After",
        "Date",
        "Dates",
        "At",
        "Times",
        "Time",
        "On",
        "BeforeOrNotExistent",
        "Timestamp",
    ];
    name != "deleteReason" && ends.iter().any(|end| name.ends_with(end))
        || name == "before"
        || name == "after"
}

/// A path's segment as it is sent; what is escaped stays so.
pub fn escaped(text: &str) -> String {
    percent(text, b"-_.:%")
}

/// A query as it is sent.
pub fn query(parameters: &[(String, String)]) -> String {
    let one = |(name, value): &(String, String)| format!("{name}={}", percent(value, b"-_.:,*"));
    parameters.iter().map(one).collect::<Vec<_>>().join("&")
}

fn percent(text: &str, kept: &[u8]) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || kept.contains(&byte) => out.push(byte as char),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn strings(values: &Value) -> Vec<String> {
    values
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
