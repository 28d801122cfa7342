//! `docs/rest-contract.tsv`: every operation of the reference, whether a running node serves it, and the recorded
//! conversation with the reference that proves it. `UPDATE_EXPECT=1 cargo test -p tests --test all -- contract` writes it anew.
use super::compat::{NODE, QUIET, against, of_users, scenarios};
use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method};
use rest_api::{
    operations::{Operation, find, operations},
    parameters::filters_of,
};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// An id that nobody has.
const NOBODY: &str = "nobody";

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rest-contract.tsv")
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_the_contract_table_says_what_is_served() -> Result<()> {
    against("contract", &[&NODE[..], &QUIET].concat(), async |base| {
        let document: Value = reqwest::get(format!("{base}/openapi.json")).await?.json().await?;
        let found = rest_api::openapi::differences(&document);
        ensure!(found.is_empty(), "openapi.json differs from the table of operations:\n{}", found.join("\n"));
        let page = reqwest::get(format!("{base}/openapi.html")).await?;
        ensure!(page.status().is_success(), "{}", page.status());
        let current = contract(&base).await?;
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(table(), &current)?;
        }
        let written = fs::read_to_string(table())?;
        let differs = |(was, is): (&str, &str)| (was != is).then(|| format!("- {was}\n+ {is}"));
        let differences: Vec<String> = written.lines().zip(current.lines()).filter_map(differs).collect();
        ensure!(
            written == current,
            "UPDATE_EXPECT=1 cargo test -p tests --test all -- contract (after `cargo build`) rewrites docs/rest-contract.tsv:\n{}",
            differences.join("\n")
        );
        Ok(operations().len())
    })
    .await
}

/// A node says which slots its part of a merged answer covers; where it forgets to, a router asks again and gives up.
#[tokio::test(flavor = "multi_thread")]
async fn compat_what_asks_every_shard_says_what_it_covers() -> Result<()> {
    let three = ["dev", "--shards", "3", "--port", "PORT", "--no-sample"];
    against("covers", &three, async |base| {
        let client = Client::new();
        let merged = |operation: &&Operation| {
            use rest_api::operations::Class::{Batch, FanoutFirst, FanoutList, FanoutSum};
            operation.method == "GET"
                && [Batch, FanoutFirst, FanoutList, FanoutSum].contains(&operation.class)
        };
        client
            .post(format!("{base}/history/cleanup"))
            .send()
            .await?
            .error_for_status()?;
        let all: Vec<&Operation> = operations().iter().filter(merged).collect();
        for operation in &all {
            let path = path_of(operation).replace(NOBODY, "01a22696-df2d-8000-9c96-000000000000");
            let (status, body) = ask(&client, &base, "GET", &path, Map::new()).await?;
            ensure!(status != 503, "GET {path}: {body}");
        }
        Ok(all.len())
    })
    .await
}

/// The whole table: a head line, then a row an operation.
async fn contract(base: &str) -> Result<String> {
    let mut proofs = proofs(&scenarios())?;
    for (operation, name) in self::proofs(&of_users())? {
        proofs.entry(operation).or_insert(format!("../users/{name}"));
    }
    let client = Client::new();
    let mut text = "method\tpath\tanswer\tnot served\trecorded in tests/compat\n".to_owned();
    for operation in operations() {
        let refused = refusal(&client, base, operation).await?;
        let answer = if refused.is_some() { "refused" } else { "served" };
        let parameters = match refused {
            Some(_) => String::new(),
            None => refused_parameters(&client, base, operation).await?.join(","),
        };
        let proof = proofs.get(operation.id).map_or("-", String::as_str);
        let proof = if answer == "served" { proof } else { "-" };
        let why = refused.unwrap_or(parameters);
        writeln!(
            text,
            "{}\t{}\t{answer}\t{why}\t{proof}",
            operation.method, operation.path
        )?;
    }
    Ok(text)
}

/// The path with an id of nobody's for each parameter.
fn path_of(operation: &Operation) -> String {
    let segments = operation.path.split('/');
    let filled: Vec<&str> = segments
        .map(|s| if s.starts_with('{') { NOBODY } else { s })
        .collect();
    filled.join("/")
}

/// Why an operation isn't served; `None` where it is.
async fn refusal(client: &Client, base: &str, operation: &Operation) -> Result<Option<String>> {
    let path = path_of(operation);
    let (status, body) = ask(client, base, operation.method, &path, Map::new()).await?;
    if status == 501 {
        let message = body["message"].as_str().unwrap_or("");
        let generic = format!("{} {} is ", operation.method, operation.path);
        return Ok(Some(match message.strip_prefix(&generic) {
            Some(_) => "not served yet".to_owned(),
            None => message.to_owned(),
        }));
    }
    // A word of the path that another operation takes for an id: `/history/task/report` for task `report`.
    for (at, word) in operation.path.split('/').enumerate().skip(1) {
        if word.starts_with('{') {
            continue;
        }
        let mut other: Vec<&str> = path.split('/').collect();
        other[at] = "nothing";
        let other = other.join("/");
        let Ok(taker) = find(operation.method, &other) else {
            continue;
        };
        let (other_status, other_body) = ask(client, base, operation.method, &other, Map::new()).await?;
        let (text, other_text) = (body.to_string(), other_body.to_string());
        let same = text.replace(word, "nothing") == other_text;
        if status == 404 && other_status == 404 && same && text.contains(word) {
            return Ok(Some(format!("answered as {}", taker.operation.path)));
        }
    }
    Ok(None)
}

/// The filters of a list that answer 501.
async fn refused_parameters(client: &Client, base: &str, operation: &Operation) -> Result<Vec<&'static str>> {
    let mut refused = Vec::new();
    if !["GET", "POST"].contains(&operation.method) {
        return Ok(refused);
    }
    let post_only = |name: &str| name == "orQueries" && operation.method == "GET";
    for name in filters_of(operation.path).iter().filter(|name| !post_only(name)) {
        // What is read is judged before what is not, so any value does; but a body's has to be of the member's type.
        let mut not_served = false;
        for value in [Value::from("x"), Value::from(true)] {
            let one = Map::from_iter([((*name).to_owned(), value)]);
            let (status, _) = ask(client, base, operation.method, &path_of(operation), one).await?;
            not_served |= status == 501;
        }
        if not_served {
            refused.push(*name);
        }
    }
    Ok(refused)
}

/// Sends a request with these members in the query of a GET or the body of a POST or PUT.
async fn ask(
    client: &Client,
    base: &str,
    method: &str,
    path: &str,
    members: Map<String, Value>,
) -> Result<(u16, Value)> {
    let mut url = format!("{base}{path}");
    let mut request = client.request(method.parse::<Method>()?, &url);
    match method {
        "POST" | "PUT" => {
            request = request
                .header("Content-Type", "application/json")
                .body(Value::Object(members).to_string());
        }
        _ => {
            for (i, (name, value)) in members.iter().enumerate() {
                let value = value.as_str().unwrap_or("");
                write!(url, "{}{name}={value}", if i == 0 { '?' } else { '&' })?;
            }
            request = client.request(method.parse::<Method>()?, &url);
        }
    }
    let response = request.send().await.with_context(|| format!("{method} {path}"))?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

/// By operation id the first recorded scenario that calls it and is not refused with 404 or 501 there, or else the
/// first that calls it.
fn proofs(directory: &Path) -> Result<BTreeMap<&'static str, String>> {
    let mut files = Vec::new();
    walk(directory, &mut files)?;
    files.sort();
    let (mut good, mut any) = (BTreeMap::new(), BTreeMap::new());
    for file in files {
        let name = file.strip_prefix(directory)?.with_extension("");
        let name = name.to_string_lossy().into_owned();
        let scenario: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
        for step in scenario["steps"].as_array().into_iter().flatten() {
            let line = step["do"].as_str().context("no `do`")?;
            let (method, path) = line.split_once(' ').context("`do` is METHOD PATH")?;
            let path = path.split('?').next().unwrap_or(path);
            let Ok(found) = find(method, path) else { continue };
            let id = found.operation.id;
            any.entry(id).or_insert_with(|| name.clone());
            if step["expect"]["status"].as_u64().is_some_and(|s| s < 300) {
                good.entry(id).or_insert_with(|| name.clone());
            }
        }
    }
    any.extend(good);
    Ok(any)
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
    Ok(())
}
