//! `deploy`: one deployment of all the files, through any node; the reference log brings it to every shard.
use crate::{
    connect::Admin,
    options::{DeployArgs, Options},
    output,
};
use anyhow::{Context, Result, anyhow};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use service::{ConfigError, node_client::CallError};
use std::io::Write;

/// Deploys the files and prints the ids.
///
/// # Errors
/// A file can't be read, no node takes it, or the deployment is refused.
pub async fn run(options: &Options, args: &DeployArgs, out: &mut (dyn Write + Send)) -> Result<()> {
    let mut files = Vec::new();
    for path in &args.files {
        let bytes =
            std::fs::read(path).map_err(|e| ConfigError::usage(format!("{}: {e}", path.display())))?;
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .context("a file has a name")?;
        files.push((name, bytes));
    }
    let name = args
        .name
        .clone()
        .or_else(|| files.first().map(|(name, _)| name.clone()))
        .unwrap_or_default();
    let form = || {
        let form = Form::new()
            .text("deployment-name", name.clone())
            .text("deployment-source", "shard-admin");
        files.iter().fold(form, |form, (file, bytes)| {
            form.part(file.clone(), Part::bytes(bytes.clone()).file_name(file.clone()))
        })
    };
    let admin = Admin::connect(options).await?;
    let mut answer = Err(anyhow!("the cluster has no shard with a node"));
    for shard in admin.shards().iter().filter(|shard| !shard.urls().is_empty()) {
        answer = shard.post_form("/engine-rest/deployment/create", form).await;
        // Only a shard that can't be reached hands over to the next: whatever else happened may have deployed.
        let reached = answer.as_ref().err().is_none_or(|error| !not_connected(error));
        if reached {
            break;
        }
    }
    let answer = answer?;
    output::print(
        out,
        options.output,
        &answer,
        &["KIND", "ID", "VERSION", "FILE"],
        rows(&answer),
    )?;
    Ok(())
}

fn not_connected(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<CallError>());
    causes.any(CallError::is_unsent)
}

fn rows(deployment: &Value) -> Vec<Vec<String>> {
    let text = |value: &Value, key: &str| match &value[key] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut rows = vec![vec![
        "deployment".to_owned(),
        text(deployment, "id"),
        String::new(),
        text(deployment, "name"),
    ]];
    if let Some(definitions) = deployment["deployedProcessDefinitions"].as_object() {
        for definition in definitions.values() {
            let line = ["id", "version", "resource"].map(|key| text(definition, key));
            rows.push([vec!["process definition".to_owned()], line.to_vec()].concat());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_shows_the_ids_of_its_definitions() {
        let answer = serde_json::json!({"id": "d1", "name": "order", "deployedProcessDefinitions": {
            "order:1:x": {"id": "order:1:x", "version": 1, "resource": "order.bpmn"}}});
        let rows = rows(&answer);
        assert_eq!(rows[1], ["process definition", "order:1:x", "1", "order.bpmn"]);
    }
}
