//! `parked list`, `parked replay`, `parked drop`: messages that wait for their receiver (`--park-message`), over all shards.
use crate::{connect::Admin, node::encode, options::Options, output};
use anyhow::{Result, bail};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::io::Write;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Parked {
    #[serde(default)]
    shard: String,
    id: String,
    name: String,
    business_key: Option<String>,
    process_instance_id: Option<String>,
    created: i64,
    expires: i64,
    dead: bool,
    error: Option<String>,
}

/// Prints what waits, at most 200 messages of each shard.
///
/// # Errors
/// etcd doesn't answer; or, after printing, a shard doesn't.
pub async fn list(options: &Options, out: &mut (dyn Write + Send)) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let (mut rows, mut missing) = (Vec::new(), Vec::new());
    for shard in admin.shards() {
        match shard.get::<Vec<Parked>>("/internal/parked").await {
            Ok(found) => rows.extend(found.into_iter().map(|row| Parked {
                shard: shard.name.to_string(),
                ..row
            })),
            Err(error) => missing.push(format!("{}: {error:#}", shard.name)),
        }
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let row = |p: &Parked| {
        vec![
            p.shard.clone(),
            p.id.clone(),
            p.name.clone(),
            text(&p.business_key),
            text(&p.process_instance_id),
            if p.dead { "dead" } else { "waits" }.to_owned(),
            text(&p.error),
        ]
    };
    let header = [
        "SHARD",
        "ID",
        "MESSAGE",
        "BUSINESS KEY",
        "INSTANCE",
        "STATE",
        "LAST ERROR",
    ];
    let value = serde_json::json!({ "messages": rows, "missing": missing });
    output::print(
        out,
        options.output,
        &value,
        &header,
        rows.iter().map(row).collect(),
    )?;
    match missing.is_empty() {
        true => Ok(()),
        false => bail!("not every shard could be asked: {}", missing.join("; ")),
    }
}

/// Delivers a message now (`replay`), or forgets it.
///
/// # Errors
/// No shard has it, or nothing matches it still.
pub async fn settle(options: &Options, id: &str, replay: bool, out: &mut (dyn Write + Send)) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let (method, path) = match replay {
        true => (Method::POST, format!("/internal/parked/{}/replay", encode(id))),
        false => (Method::DELETE, format!("/internal/parked/{}", encode(id))),
    };
    for shard in admin.shards() {
        match shard.send(method.clone(), &path, None).await {
            Ok(()) => {
                let done = if replay { "delivered" } else { "dropped" };
                let value = serde_json::json!({"id": id, "shard": shard.name.to_string(), "done": done});
                let row = vec![shard.name.to_string(), id.to_owned(), done.to_owned()];
                output::print(out, options.output, &value, &["SHARD", "ID", "DONE"], vec![row])?;
                return Ok(());
            }
            Err(error) if crate::node::status(&error) == Some(StatusCode::NOT_FOUND) => {}
            Err(error) => return Err(error.context(format!("shard {}", shard.name))),
        }
    }
    bail!("no shard has a message of id {id}")
}
