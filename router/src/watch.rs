//! Keeps the routing snapshot, the nodes' health and the streams of announcements up to date, without being asked.
use crate::{
    fan_out::wakeups,
    headers,
    snapshot::{Node, Snapshot},
    state::{App, Exposure},
    upstream::Outgoing,
};
use bytes::Bytes;
use cluster::View;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use service::Readiness;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::watch::Receiver,
    task::{AbortHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep},
};

/// The part of readiness that this module answers for.
pub const READY: &str = "topology";

type NodeKey = (String, String, String);

/// Follows the cluster's view until dropped or until the view's sender is gone.
pub async fn follow(app: Arc<App>, mut views: Receiver<Arc<View>>, ready: Readiness) {
    let mut tasks = JoinSet::new();
    let mut per_node: HashMap<NodeKey, Vec<AbortHandle>> = HashMap::new();
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tasks.spawn(wakeups::poll(app.clone()));
    for node in app.foreign.nodes() {
        tasks.spawn(probe(app.clone(), node));
    }
    loop {
        let view = views.borrow_and_update().clone();
        let snapshot = Snapshot::build(&view, &app.snapshot(), app.live().options.shard_concurrency);
        let nodes: HashMap<NodeKey, Arc<Node>> = snapshot
            .shards
            .iter()
            .flat_map(|shard| &shard.nodes)
            .map(|node| (key(node), node.clone()))
            .collect();
        tracing::debug!(
            version = snapshot.version,
            shards = snapshot.shards.len(),
            nodes = nodes.len(),
            "new topology"
        );
        per_node.retain(|key, running| {
            let keep = nodes.contains_key(key);
            if !keep {
                running.iter().for_each(AbortHandle::abort);
            }
            keep
        });
        for (key, node) in nodes {
            per_node.entry(key).or_insert_with(|| {
                let probe = tasks.spawn(probe(app.clone(), node.clone()));
                let listen = tasks.spawn(wakeups::listen(app.clone(), node));
                vec![probe, listen]
            });
        }
        app.publish(snapshot);
        loop {
            tell(&app, &views.borrow(), &ready);
            tokio::select! {
                changed = views.changed() => match changed {
                    Ok(()) => break,
                    // The cluster handle is gone: serve on with the last topology.
                    Err(_) => return std::future::pending().await,
                },
                _ = tick.tick() => {}
                Some(_) = tasks.join_next() => {}
            }
        }
    }
}

fn key(node: &Node) -> NodeKey {
    (node.shard.to_string(), node.id.clone(), node.url.clone())
}

fn tell(app: &App, view: &View, ready: &Readiness) {
    app.metrics.view_age.set(view.age().as_secs_f64());
    match app.snapshot().readiness() {
        Ok(()) => ready.ready(READY),
        Err(why) => ready.not_ready(READY, why),
    }
}

/// Asks a node about once a second whether it is ready.
async fn probe(app: Arc<App>, node: Arc<Node>) {
    let out = Outgoing {
        method: Method::GET,
        // Behind a foreign shard's REST root.
        target: if node.foreign {
            "/version"
        } else {
            "/internal/health"
        }
        .to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    let mut ejections = Ejections::default();
    loop {
        let snapshot = app.snapshot();
        if let Some(shard) = snapshot.shard(node.shard.as_str()) {
            shard.gate.second();
            let others = shard
                .nodes
                .iter()
                .any(|other| other.id != node.id && other.is_up() && !other.is_failing());
            if node.is_up() && node.is_failing() && others {
                let pause = ejections.next();
                tracing::warn!(shard = %node.shard, node = node.id, ?pause, "node fails request after request: left out");
                node.set_up(false);
                sleep(pause).await;
            }
        }
        let out = match node.foreign {
            true => out.clone(),
            false => out.clone().with(headers::LOG_INDEX, snapshot.published),
        };
        drop(snapshot);
        let answer = app
            .upstream
            .send(&node, &out, Instant::now() + Duration::from_millis(1_500))
            .await;
        let (up, why) = match answer {
            Ok(answer) => {
                let status = answer.status();
                // Read to its end, so that the connection can be used again.
                let _ = answer.into_body().collect().await;
                if status.is_success() && !node.foreign && app.exposure() != Exposure::Fine {
                    ask_for_password(&app, &node, &out).await;
                }
                // One that asks for a password answers all the same.
                let there = status.is_success() || (node.foreign && status == http::StatusCode::UNAUTHORIZED);
                (there, format!("health is {}", status.as_u16()))
            }
            Err(failure) => (false, failure.why),
        };
        if node.set_up(up) {
            match up {
                true => tracing::info!(shard = %node.shard, node = node.id, "node answers"),
                false => tracing::warn!(shard = %node.shard, node = node.id, why, "node is not ready"),
            }
        }
        node.warm();
        node.plain.sweep(Instant::now());
        sleep(Duration::from_millis(rand::random_range(800..1_000))).await;
    }
}

/// How long a node that fails though it says that it is well is left out: longer each time, until it has been well for long.
#[derive(Debug, Default)]
struct Ejections {
    last: Option<(Instant, Duration)>,
}

impl Ejections {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(30);

    fn next(&mut self) -> Duration {
        let now = Instant::now();
        let pause = match self.last {
            Some((at, pause)) if now < at + 2 * pause + Self::LONGEST => (2 * pause).min(Self::LONGEST),
            _ => Self::FIRST,
        };
        self.last = Some((now, pause));
        pause
    }
}

/// Finds out whether the node lets in a caller without a password.
async fn ask_for_password(app: &App, node: &Node, out: &Outgoing) {
    let out = Outgoing {
        target: format!("{}/version", crate::classify::ROOT),
        ..out.clone()
    };
    let answer = app
        .upstream
        .send(node, &out, Instant::now() + Duration::from_millis(1_500))
        .await;
    match answer.map(|answer| answer.status()) {
        Ok(http::StatusCode::UNAUTHORIZED) => {
            app.set_exposure(Exposure::Fine);
        }
        Ok(status) if status.is_success() && app.set_exposure(Exposure::Open) => {
            tracing::error!(
                node = node.id,
                "--listen is open to other machines and the nodes ask for no password: nothing is served; \
                 start the nodes with --auth basic, or the router with --insecure-no-auth if that is meant"
            );
        }
        _ => {}
    }
}
