//! What only etcd can do to us: go away, come back, compact, and let leases end.
mod support;

use cluster::{Error, NodeInfo, TopologyOption, open};
use std::sync::Arc;
use support::{Etcd, until};
use topology::{Shard, ShardName, Slot};

fn shard(name: &str) -> Shard {
    Shard {
        name: ShardName::new(name),
        weight: 100,
    }
}

fn node(id: &str) -> NodeInfo {
    NodeInfo {
        id: id.into(),
        url: format!("http://{id}:8080"),
        version: "0.1.0".into(),
    }
}

#[tokio::test]
async fn nobody_at_the_endpoints_is_an_error_that_names_them() {
    // Bound and never accepting: nothing else can take the port meanwhile.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = taken.local_addr().unwrap().to_string();
    let option: TopologyOption = format!("etcd://{endpoint}").parse().unwrap();
    let error = open(&option).await.err().expect("nobody answers");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains(&endpoint), "{error}");
}

#[tokio::test]
async fn the_view_outlives_etcd_and_follows_it_again_after_a_restart() {
    let mut etcd = Etcd::start().await;
    let (one, other) = (etcd.open("t").await, etcd.open("t").await);
    one.add_shard(shard("s1")).await.unwrap();
    let lease = one
        .register_node(&ShardName::new("s1"), node("n1"))
        .await
        .unwrap();
    let has_node = |v: &Arc<cluster::View>| {
        v.shards
            .get(&ShardName::new("s1"))
            .is_some_and(|s| s.nodes.len() == 1)
    };
    let before = until(&other, "the node", has_node).await;

    etcd.kill();
    let during = until(&other, "the loss of etcd", |v| !v.connected).await;
    assert_eq!(
        (during.version, &during.table),
        (before.version, &before.table),
        "the last good view is served"
    );
    assert!(matches!(one.table().await, Err(Error::Unavailable { .. })));
    let before_waiting = during.age();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(
        other.view().age() > before_waiting,
        "the view tells how old it is"
    );

    assert!(etcd.resume().await);
    until(&other, "etcd again", |v| v.connected).await;
    until(&one, "etcd again", |v| v.connected).await;
    let added = one.add_shard(shard("s2")).await.unwrap();
    until(&other, "a change after the restart", |v| {
        v.version == added.version
    })
    .await;
    until(&other, "the node, kept or registered again", has_node).await;
    lease.revoke().await;
    until(&other, "the node gone", |v| {
        v.shards[&ShardName::new("s1")].nodes.is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_compaction_while_we_were_away_loses_no_change() {
    let mut etcd = Etcd::start().await;
    let (reader, writer) = (etcd.open("t").await, etcd.open("t").await);
    let s1 = ShardName::new("s1");
    writer.add_shard(shard("s1")).await.unwrap();
    // A registration without a lease, so that nobody sets it again.
    let key = "/t/topology/nodes/s1/n1";
    etcd.client()
        .await
        .put(key, serde_json::to_vec(&node("n1")).unwrap(), None)
        .await
        .unwrap();
    until(&reader, "the node", |v| {
        v.shards.get(&s1).is_some_and(|s| s.nodes.len() == 1)
    })
    .await;

    // Everything that the reader could resume from is compacted before it can: it must notice shards that came
    // and, as important, a registration that went in between.
    etcd.kill();
    until(&reader, "the loss of etcd", |v| !v.connected).await;
    let real = etcd.client_port;
    etcd.move_away().await;
    let elsewhere = etcd.open("t").await;
    etcd.client().await.delete(key, None).await.unwrap();
    elsewhere.add_shard(shard("s2")).await.unwrap();
    let added = elsewhere.add_shard(shard("s3")).await.unwrap();
    etcd.client()
        .await
        .compact(added.version as i64, None)
        .await
        .unwrap();
    drop(elsewhere);
    etcd.kill();
    etcd.client_port = real;
    assert!(etcd.resume().await);
    let view = until(&reader, "what was compacted", |v| {
        v.connected && v.version == added.version
    })
    .await;
    assert_eq!(view.table.as_ref().unwrap().shards().len(), 3);
    assert_eq!(view.shards[&s1].nodes, []);
    let moved = view
        .table
        .as_ref()
        .unwrap()
        .with_owner(&[Slot::new(1).unwrap()], &ShardName::new("s2"));
    let version = reader.cas_table(added.version, moved).await.unwrap();
    until(&writer, "a later change", |v| v.version == version).await;
}

#[tokio::test]
async fn a_node_that_dies_disappears_when_its_lease_ends() {
    let etcd = Etcd::start().await;
    let reader = etcd.open("t").await;
    let s1 = ShardName::new("s1");
    // A runtime of its own, gone without a farewell, stands for a killed process.
    let (doomed, handle) = std::thread::spawn({
        let url = etcd.client_url();
        move || {
            let doomed = tokio::runtime::Runtime::new().unwrap();
            let handle = doomed.block_on(async {
                let option: TopologyOption = format!("{url}/t").parse().unwrap();
                let cluster = open(&option).await.unwrap();
                let lease = cluster
                    .register_node(&ShardName::new("s1"), node("n1"))
                    .await
                    .unwrap();
                (cluster, lease)
            });
            (doomed, handle)
        }
    })
    .join()
    .unwrap();
    until(&reader, "the node", |v| {
        v.shards.get(&s1).is_some_and(|s| s.nodes.len() == 1)
    })
    .await;
    doomed.shutdown_background();
    until(&reader, "the node gone", |v| {
        v.shards.get(&s1).is_none_or(|s| s.nodes.is_empty())
    })
    .await;
    drop(handle);
}

#[tokio::test]
async fn a_registration_comes_back_after_its_lease_was_lost() {
    let etcd = Etcd::start().await;
    let reader = etcd.open("t").await;
    let s1 = ShardName::new("s1");
    let _lease = reader.register_node(&s1, node("n1")).await.unwrap();
    until(&reader, "the node", |v| {
        v.shards.get(&s1).is_some_and(|s| s.nodes.len() == 1)
    })
    .await;
    let mut client = etcd.client().await;
    for lease in client.leases().await.unwrap().leases() {
        client.lease_revoke(lease.id()).await.unwrap();
    }
    until(&reader, "the node gone", |v| {
        v.shards.get(&s1).is_none_or(|s| s.nodes.is_empty())
    })
    .await;
    until(&reader, "the node again", |v| {
        v.shards.get(&s1).is_some_and(|s| s.nodes.len() == 1)
    })
    .await;
}

#[tokio::test]
async fn two_prefixes_are_two_clusters() {
    let etcd = Etcd::start().await;
    let (one, other) = (etcd.open("one").await, etcd.open("one-more").await);
    one.add_shard(shard("s1")).await.unwrap();
    assert!(other.table().await.unwrap().is_none());
    assert_ne!(one.cluster_id().await.unwrap(), other.cluster_id().await.unwrap());
}

#[tokio::test]
async fn a_full_slot_table_fits_into_one_value() {
    let etcd = Etcd::start().await;
    let cluster = etcd.open("t").await;
    cluster.add_shard(shard("s0")).await.unwrap();
    let added = cluster.add_shard(shard("s1")).await.unwrap();
    // The worst case: no two neighbours have the same owner, so that every slot is a run of its own.
    let odd: Vec<Slot> = Slot::all().filter(|s| s.number() % 2 == 1).collect();
    let table = added.table.with_owner(&odd, &ShardName::new("s1"));
    let bytes = serde_json::to_vec(&table).unwrap().len();
    let version = cluster.cas_table(added.version, table.clone()).await.unwrap();
    assert_eq!(cluster.view().version, version);
    assert_eq!(cluster.view().table.as_deref(), Some(&table));
    assert!(bytes < 128 * 1024, "{bytes} bytes");
}

#[tokio::test]
async fn etcd_is_reached_over_tls_with_certificates_on_both_sides() {
    let etcd = Etcd::start_with_tls().await;
    let (url, files) = (etcd.client_url(), etcd.directory().display().to_string());
    let parse = |text: String| text.parse::<TopologyOption>().unwrap();
    let right = parse(format!(
        "{url}?ca={files}/ca.pem&cert={files}/cert.pem&key={files}/key.pem"
    ));
    let cluster = open(&right).await.unwrap();
    cluster.add_shard(shard("s1")).await.unwrap();
    assert!(cluster.view().table.is_some());

    let nameless = parse(format!("{url}?ca={files}/ca.pem"));
    assert!(
        matches!(open(&nameless).await.err(), Some(Error::Unavailable { .. })),
        "no certificate of our own"
    );
    let stranger = parse(format!(
        "{url}?ca={files}/cert.pem&cert={files}/cert.pem&key={files}/key.pem"
    ));
    assert!(
        matches!(open(&stranger).await.err(), Some(Error::Unavailable { .. })),
        "signed by someone else"
    );
    let missing = parse(format!("{url}?ca={files}/no.pem"));
    assert!(open(&missing).await.err().unwrap().to_string().contains("no.pem"));
}

#[tokio::test]
async fn one_dead_member_of_several_is_not_noticed() {
    let etcd = Etcd::start().await;
    // Bound and closed again: connections are refused there.
    let dead = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let option: TopologyOption = format!("etcd://{dead},127.0.0.1:{}/t", etcd.client_port)
        .parse()
        .unwrap();
    for _ in 0..5 {
        let cluster = open(&option).await.unwrap();
        for weight in 100..120 {
            cluster
                .add_shard(Shard {
                    name: ShardName::new("s1"),
                    weight,
                })
                .await
                .unwrap();
        }
        let lease = cluster
            .register_node(&ShardName::new("s1"), node("n1"))
            .await
            .unwrap();
        lease.revoke().await;
    }
}

#[tokio::test]
async fn the_loss_of_each_member_in_turn_is_survived() {
    let mut members = Etcd::start_cluster(3).await;
    let hosts: Vec<String> = members
        .iter()
        .map(|m| format!("127.0.0.1:{}", m.client_port))
        .collect();
    let option: TopologyOption = format!("etcd://{}/t", hosts.join(",")).parse().unwrap();
    let (one, other) = (open(&option).await.unwrap(), open(&option).await.unwrap());
    let s1 = ShardName::new("s1");
    let _lease = one.register_node(&s1, node("n1")).await.unwrap();
    for (round, member) in members.iter_mut().enumerate() {
        member.kill();
        // A write that was under way, or meets the election of a leader, may fail and is repeated by its caller.
        let weight = 200 + round as u32;
        let added = loop {
            match one
                .add_shard(Shard {
                    name: s1.clone(),
                    weight,
                })
                .await
            {
                Ok(added) => break added,
                Err(Error::Unavailable { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        };
        until(&other, "the change", |v| v.version == added.version).await;
        until(&other, "the node", |v| {
            v.shards.get(&s1).is_some_and(|s| s.nodes.len() == 1)
        })
        .await;
        assert!(member.resume().await);
    }
}
