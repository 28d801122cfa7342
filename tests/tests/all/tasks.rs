//! Tasks that no process has made, over three shards.
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::cluster::Cluster;
use topology::{Id, Slot};

async fn call(cluster: &Cluster, method: &str, path: &str, body: Option<Value>) -> Result<(u16, Value)> {
    let url = format!("{}{path}", cluster.routers[0].base());
    cluster.call(method, &url, body.as_ref()).await
}

async fn get(cluster: &Cluster, path: &str) -> Result<Value> {
    let (status, body) = call(cluster, "GET", path, None).await?;
    ensure!(status == 200, "GET {path}: {status} {body}");
    Ok(body)
}

/// Parts live with the whole, wherever the ids that clients have chosen for them lead.
#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_id_is_one_in_the_cluster_and_routes_from_everywhere() -> Result<()> {
    let cluster = Cluster::start("tasks", 3, 1, 1).await?;
    let run = async {
        let create = async |body: Value| call(&cluster, "POST", "/task/create", Some(body)).await;
        ensure!(create(json!({"name": "whole"})).await?.0 == 204);
        let whole = get(&cluster, "/task?name=whole").await?[0]["id"].clone();
        let whole = whole.as_str().context("id")?.to_owned();
        let home = whole.parse::<Id>()?.slot().context("slot")?;
        // Among so many some lie on each shard.
        let parts: Vec<String> = (0..12).map(|n| format!("part {n} ü")).collect();
        ensure!(parts.iter().any(|part| Slot::of_key(part) != home));
        for part in &parts {
            let body = json!({"id": part, "name": part, "parentTaskId": whole});
            let (status, answer) = create(body.clone()).await?;
            ensure!(status == 204, "{part}: {status} {answer}");
            ensure!(create(body).await?.0 == 500, "{part} was made twice");
            let (status, _) = create(json!({"id": part})).await?;
            ensure!(status == 500, "{part} was made twice, apart from the whole");
        }
        for part in &parts {
            let path = part.replace(' ', "%20").replace('ü', "%C3%BC");
            let task = get(&cluster, &format!("/task/{path}")).await?;
            ensure!(
                task["id"] == part.as_str() && task["parentTaskId"] == whole.as_str(),
                "{task}"
            );
            let variable = json!({"value": 1});
            let (status, _) = call(
                &cluster,
                "PUT",
                &format!("/task/{path}/localVariables/v"),
                Some(variable),
            )
            .await?;
            ensure!(status == 204);
            let found = get(&cluster, &format!("/variable-instance?taskIdIn={path}")).await?;
            ensure!(found[0]["taskId"] == part.as_str(), "{found}");
        }
        let count = get(&cluster, &format!("/task/count?parentTaskId={whole}")).await?;
        ensure!(count["count"] == parts.len(), "{count}");
        let listed = get(
            &cluster,
            &format!("/task?parentTaskId={whole}&sortBy=name&sortOrder=asc"),
        )
        .await?;
        let listed = listed
            .as_array()
            .context("list")?
            .iter()
            .map(|task| task["id"].clone());
        let mut sorted = parts.clone();
        sorted.sort();
        ensure!(listed.collect::<Vec<_>>() == sorted);
        ensure!(
            call(
                &cluster,
                "POST",
                &format!("/task/{whole}/complete"),
                Some(json!({}))
            )
            .await?
            .0 == 204
        );
        ensure!(get(&cluster, &format!("/task/count?parentTaskId={whole}")).await?["count"] == 0);
        let told = get(&cluster, &format!("/history/task?taskParentTaskId={whole}")).await?;
        ensure!(told.as_array().context("history")?.len() == parts.len(), "{told}");
        Ok(())
    };
    let result: Result<()> = run.await;
    result.with_context(|| cluster.last_words())
}
