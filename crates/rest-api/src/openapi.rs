//! The OpenAPI document of what a node serves: the reference's own, with what this release doesn't serve marked, and the
//! operations that the reference has and doesn't describe, made from the table of operations and the filters that lists know.
use crate::{
    operations::{Operation, operations},
    parameters::filters_of,
};
use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};

/// `openapi.json` of `org.camunda.bpm:camunda-engine-rest-openapi:7.24.0` (Apache-2.0), unchanged but packed.
static REFERENCE: &[u8] = include_bytes!("../openapi-7.24.json.gz");

/// The reference's document. Read anew each time, for hardly anybody asks and it is large.
pub fn reference() -> Value {
    serde_json::from_reader(GzDecoder::new(REFERENCE)).expect("the packed document is JSON")
}

/// The document. `refused` says why an operation answers 501; such ones are in it with that answer alone.
pub fn document(version: &str, refused: impl Fn(&Operation) -> Option<String>) -> Value {
    let mut document = reference();
    for operation in operations() {
        let method = operation.method.to_ascii_lowercase();
        let entry = &mut document["paths"][operation.path][method];
        if entry.is_null() {
            *entry = described(operation);
        }
        if let Some(why) = refused(operation) {
            entry["summary"] = format!("Not served: {why}").into();
            entry["x-stellwerk-served"] = false.into();
            entry["responses"] = json!({"501": error()});
        }
    }
    document["info"] = json!({
        "title": "Stellwerk: the REST API of Camunda 7.24",
        "version": version,
        "description": "Every operation of the reference. Those that this release doesn't serve say so and answer 501.",
        "license": document["info"]["license"],
    });
    document["servers"] = json!([{"url": "."}]);
    document
}

fn error() -> Value {
    json!({"description": "What went wrong.", "content": {"application/json": {
        "schema": {"$ref": "#/components/schemas/ExceptionDto"}}}})
}

/// An operation that the reference's document lacks.
fn described(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = path_parameters(operation.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let query = |name: &str, kind: &str| json!({"name": name, "in": "query", "schema": {"type": kind}});
    let filters = filters_of(operation.path);
    let counts = operation.path.ends_with("/count");
    if matches!(operation.method, "GET") {
        parameters.extend(
            filters
                .iter()
                .filter(|name| **name != "orQueries")
                .map(|name| query(name, "string")),
        );
        if !filters.is_empty() && !counts {
            parameters.extend(["sortBy", "sortOrder"].map(|name| query(name, "string")));
        }
    }
    if operation.paged {
        parameters.extend(["firstResult", "maxResults"].map(|name| query(name, "integer")));
        parameters.push(query("cursor", "string"));
    }
    let mut description = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "parameters": parameters,
        "responses": {"2XX": {"description": "Done."}, "default": error()},
    });
    if matches!(operation.method, "POST" | "PUT") {
        description["requestBody"] = body(operation, filters);
    }
    description
}

fn body(operation: &Operation, filters: &[&str]) -> Value {
    let takes_files = operation.path.ends_with("/data")
        || operation.path.ends_with("/create") && {
            operation.path.starts_with("/deployment") || operation.path.contains("/attachment")
        };
    let media = if takes_files {
        "multipart/form-data"
    } else {
        "application/json"
    };
    let properties: Map<String, Value> = filters
        .iter()
        .map(|name| ((*name).to_owned(), json!({})))
        .collect();
    json!({"content": {media: {"schema": {"type": "object", "properties": properties}}}})
}

/// The names in braces, in order.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// What differs between a document and the table of operations or the reference's document: a line an operation, none if
/// nothing does.
pub fn differences(document: &Value) -> Vec<String> {
    let mut differences = differences_from(&reference(), document);
    let mut known = 0;
    for operation in operations() {
        let name = format!("{} {}", operation.method, operation.path);
        let found = &document["paths"][operation.path][operation.method.to_ascii_lowercase()];
        if found["operationId"] != operation.id {
            differences.push(format!(
                "{name} is {} in the document, {} in the table",
                found["operationId"], operation.id
            ));
            continue;
        }
        known += 1;
        let has = |name: &str, place: &str| {
            let parameters = found["parameters"].as_array();
            parameters.is_some_and(|all| all.iter().any(|p| p["name"] == name && p["in"] == place))
        };
        let missing = path_parameters(operation.path).filter(|name| !has(name, "path"));
        differences.extend(missing.map(|parameter| format!("{name} lacks the parameter {parameter}")));
        if operation.paged && !has("maxResults", "query") {
            differences.push(format!("{name} is paged, which the document doesn't say"));
        }
    }
    let paths = document["paths"].as_object();
    let described: usize = paths.map_or(0, |paths| {
        paths.values().filter_map(Value::as_object).map(Map::len).sum()
    });
    if described != known {
        differences.push(format!(
            "the document describes {described} operations, the table knows {known} of them"
        ));
    }
    differences
}

/// What a document says otherwise than the reference's of its operations, save of those that aren't served.
fn differences_from(reference: &Value, document: &Value) -> Vec<String> {
    let paths = reference["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        let item = item.as_object().into_iter().flatten();
        item.map(move |(method, described)| (path, method, described))
    });
    let differs = |(path, method, described): (&String, &String, &Value)| {
        let ours = &document["paths"][path][method];
        let refused = ours["x-stellwerk-served"] == false;
        let parts = ["parameters", "requestBody", "responses"].into_iter();
        let other: Vec<&str> = parts
            .filter(|part| ours[part] != described[part] && !(refused && *part == "responses"))
            .collect();
        (!other.is_empty()).then(|| format!("{method} {path} has other {}", other.join(", ")))
    };
    let mut found: Vec<String> = operations.filter_map(differs).collect();
    if reference["components"] != document["components"] {
        found.push("the components are others".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_operation_of_the_table_and_no_other() {
        let all = document("0", |_| None);
        let found = differences(&all);
        assert!(found.is_empty(), "{}", found.join("\n"));
        let mut less = all.clone();
        less["paths"]["/version"] = json!({});
        let found = differences(&less);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn what_is_refused_says_so() {
        let refuse = |operation: &Operation| (operation.path == "/version").then(|| "why".to_owned());
        let all = document("0", refuse);
        assert_eq!(all["paths"]["/version"]["get"]["x-stellwerk-served"], false);
        assert!(all["paths"]["/task"]["get"]["x-stellwerk-served"].is_null());
    }
}
