//! S3-06: SQL that operators keep for Camunda's tables. `tests/operator-sql` holds a scenario, the statements with what
//! Camunda 7.24's own database answered, and the columns of its tables; here ours is asked.
use crate::api::Api;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{collections::BTreeMap, path::PathBuf};
use testkit::postgres::Server;

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/operator-sql")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Does what the scenario says.
async fn play(api: &Api) {
    let scenario: Value = serde_json::from_str(&file("scenario.json")).unwrap();
    let mut saved: BTreeMap<String, String> = BTreeMap::new();
    for step in scenario["steps"].as_array().unwrap() {
        if let Some(model) = step["deploy"].as_str() {
            let parts = [
                ("deployment-name", None, "operators"),
                ("data", Some("history.bpmn"), &*file(model)),
            ];
            let reply = api.upload(&parts).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            continue;
        }
        let filled = |text: &str| {
            let one = |text: String, (name, value): (&String, &String)| {
                text.replace(&format!("{{{{{name}}}}}"), value)
            };
            saved.iter().fold(text.to_owned(), one)
        };
        let line = filled(step["do"].as_str().unwrap());
        let (method, path) = line.split_once(' ').unwrap();
        if let Some(at) = step["until"]["at"].as_str() {
            api.until(path, |body| body.pointer(at) == Some(&step["until"]["is"]))
                .await;
            continue;
        }
        let reply = match step.get("body") {
            Some(body) => {
                let body = serde_json::from_str(&filled(&body.to_string())).unwrap();
                api.json(method, path, body).await
            }
            None => api.call(method, path).await,
        };
        assert!(reply.status < 300, "{line}: {} {}", reply.status, reply.body);
        for (name, pointer) in step["save"].as_object().into_iter().flatten() {
            let value = reply.body.pointer(pointer.as_str().unwrap());
            let value = value.unwrap_or_else(|| panic!("{line}: nothing at {pointer} of {}", reply.body));
            saved.insert(name.clone(), value.as_str().unwrap().to_owned());
        }
    }
}

/// Each statement with the lines that the reference answered.
fn recorded(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut statements: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if line.starts_with("SELECT") {
            statements.push((line, Vec::new()));
        } else if let (Some(row), Some(last)) = (line.strip_prefix("-> "), statements.last_mut()) {
            last.1.push(row);
        }
    }
    statements
}

/// The rows of a statement as psql prints them unaligned.
async fn printed(database: &mut PgConnection, statement: &str) -> Vec<String> {
    // The server makes the text of each value, so that no type has to be known here.
    let statement = statement.trim_end_matches(';');
    let text = format!(
        "SELECT (SELECT coalesce(string_agg(coalesce(e.value, ''), '|' ORDER BY e.place), '')
           FROM json_each_text(row_to_json(q)) WITH ORDINALITY e(key, value, place)) FROM ({}) q",
        named(statement)
    );
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(text))
        .fetch_all(database)
        .await
        .unwrap_or_else(|e| panic!("{statement}: {e}"));
    rows.into_iter()
        .map(|row| row.replace("true", "t").replace("false", "f"))
        .collect()
}

/// JSON would drop none, but a subquery's columns should differ: each expression of the list gets a name.
fn named(statement: &str) -> String {
    let (list, rest) = statement["SELECT ".len()..].split_once(" FROM ").expect("FROM");
    let (mut depth, mut item, mut items) = (0, String::new(), Vec::new());
    for c in list.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            items.push(std::mem::take(&mut item));
        } else {
            item.push(c);
        }
    }
    items.push(item);
    let list: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(i, e)| format!("{e} AS c{i}"))
        .collect();
    format!("SELECT {} FROM {rest}", list.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_06_operators_sql_answers_as_on_the_reference_s_database() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap().unwrap();
    let url = server.create("operator_sql").unwrap();
    let api = Api::with(|options| {
        options.database_url = Some(url.clone());
        options.unsafe_durability = true;
    })
    .await;
    play(&api).await;
    let mut database = PgConnection::connect(&url).await.unwrap();
    let text = file("statements.sql");
    let mut differences = Vec::new();
    for (statement, expected) in recorded(&text) {
        let got = printed(&mut database, statement).await;
        if got != expected {
            differences.push(format!(
                "{statement}\n  expected {expected:?}\n  got      {got:?}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));

    // Names, order and types of all columns.
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT concat_ws(E'\\t', c.table_name, c.column_name,
           CASE c.data_type WHEN 'timestamp without time zone' THEN 'timestamp' ELSE c.data_type END)
         FROM information_schema.columns c JOIN information_schema.views v USING (table_schema, table_name)
         WHERE c.table_schema = 'public' ORDER BY c.table_name COLLATE \"C\", c.ordinal_position",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    let expected = file("columns.tsv");
    let mut expected: Vec<&str> = expected.lines().collect();
    let mut columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let table = |line: &&str| line.split('\t').next().unwrap_or_default().to_owned();
    expected.sort_by_key(table);
    columns.sort_by_key(table);
    assert_eq!(columns, expected);
}
