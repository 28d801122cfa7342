//! What only PostgreSQL can show: fences beside open transactions, and lost answers.
use super::fixture::*;
use crate::store::*;
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use testkit::postgres::Server;

/// Waits until a query says true.
async fn until(connection: &mut PgConnection, query: &'static str) {
    while !sqlx::query_scalar::<_, bool>(query)
        .fetch_one(&mut *connection)
        .await
        .unwrap()
    {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

const ONE_WAITS: &str = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_waits_for_a_writer_stopped_between_snapshot_and_commit() {
    let f = postgres().await;
    let at = slot(3);
    let mut i = instance(at);
    f.save(&mut i).await;
    // A writer has taken its snapshot and waits for a lock that somebody holds.
    let mut holder = PgConnection::connect(&f.url).await.unwrap();
    let mut watcher = PgConnection::connect(&f.url).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM process_instance FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();
    let writer = tokio::spawn({
        let (store, unit) = (f.store.clone(), unit(&i));
        async move { store.write(&[unit]).await.unwrap().remove(0) }
    });
    until(&mut watcher, ONE_WAITS).await;

    // The fence commits at once; the writer that began before it is still to be waited for.
    f.set_state(at, SlotState::Fenced).await;
    assert!(
        !f.store.wait_for_writers(50).await.unwrap(),
        "the writer is still open"
    );
    let waiting = tokio::spawn({
        let store = f.store.clone();
        async move { store.wait_for_writers(20_000).await.unwrap() }
    });
    // Who begins after the fence isn't waited for, and is refused.
    assert_eq!(f.write_one(unit(&instance(at))).await, Applied::NotOwner(at));
    assert!(!writer.is_finished() && !waiting.is_finished());
    held.commit().await.unwrap();
    assert!(waiting.await.unwrap());
    // After the wait its commit is there to be copied.
    assert_eq!(writer.await.unwrap(), Applied::Done);
    assert_eq!(f.load_one(i.process.id).await.unwrap().process.revision, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_is_judged_after_the_wait_for_its_row() {
    let f = postgres().await;
    let mut i = instance(slot(3));
    f.save(&mut i).await;
    let mut holder = PgConnection::connect(&f.url).await.unwrap();
    let mut watcher = PgConnection::connect(&f.url).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::query("UPDATE process_instance SET revision = revision + 1")
        .execute(&mut *held)
        .await
        .unwrap();
    let writer = tokio::spawn({
        let store = f.store.clone();
        let stale = Unit {
            idempotency: vec![idempotency(slot(3), "k")],
            ..unit(&i)
        };
        async move { store.write(&[stale]).await.unwrap().remove(0) }
    });
    until(&mut watcher, ONE_WAITS).await;
    held.commit().await.unwrap();
    assert_eq!(writer.await.unwrap(), Applied::Conflict);
    assert_eq!(f.count(slot(3), "idempotency").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_killed_before_its_commit_is_noticed_and_the_batch_repeated() {
    let f = postgres().await;
    let mut i = instance(slot(3));
    f.save(&mut i).await;
    let mut holder = PgConnection::connect(&f.url).await.unwrap();
    let mut watcher = PgConnection::connect(&f.url).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM process_instance FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();
    let writer = tokio::spawn({
        let (store, unit) = (f.store.clone(), unit(&i));
        async move { store.write(&[unit]).await.unwrap().remove(0) }
    });
    until(&mut watcher, ONE_WAITS).await;
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        .execute(&mut watcher)
        .await
        .unwrap();
    held.commit().await.unwrap();
    assert_eq!(writer.await.unwrap(), Applied::Done);
    assert_eq!(f.load_one(i.process.id).await.unwrap().process.revision, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_only_the_server_can_refuse_stands_alone() {
    let f = postgres().await;
    let mut units: Vec<Unit> = (0..7).map(|_| unit(&instance(slot(3)))).collect();
    // Too long for an index entry, and not to be compressed.
    let key: String = (0..9_000)
        .map(|_| char::from(rand::random_range(b'a'..=b'z')))
        .collect();
    units[2].instances[0].instance.process.business_key = Some(key);
    let results = f.store.write(&units).await.unwrap();
    for (n, result) in results.iter().enumerate() {
        assert_eq!(matches!(result, Applied::Refused(_)), n == 2, "{result:?}");
    }
    assert_eq!(f.count(slot(3), "process_instance").await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_07_a_printed_schema_is_accepted_unchanged() {
    let url = empty_postgres();
    let name = url.rsplit('/').next().unwrap();
    server()
        .psql(
            name,
            &migrations::Schema::current().print(migrations::Dialect::Postgres),
        )
        .unwrap();
    let dump = || {
        server().psql(name, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2; SELECT version, name, checksum FROM schema_version").unwrap()
    };
    let before = dump();
    let store = open(
        &url,
        OpenOptions {
            migrate_empty: false,
            ..options()
        },
    )
    .await
    .unwrap();
    assert_eq!(
        store.write(&[unit(&instance(slot(3)))]).await.unwrap(),
        [Applied::Done]
    );
    store.close().await;
    assert_eq!(dump(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_lose_commits_is_refused() {
    let f = postgres().await;
    f.store.close().await;
    let strict = || OpenOptions {
        unsafe_durability: false,
        ..options()
    };
    let refused = open(&f.url, strict()).await.err().unwrap().to_string();
    assert!(
        refused.contains("fsync = off") && refused.contains("--unsafe-durability"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_loses_nothing_acknowledged_and_doubles_nothing() {
    let server = tokio::task::spawn_blocking(|| Server::durable().unwrap())
        .await
        .unwrap();
    let server = std::sync::Arc::new(server);
    let url = server.create("crash").unwrap();
    let store = open(&url, OpenOptions::default()).await.unwrap();
    let at = slot(3);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let clients = (0..4).map(|client| {
        let (store, stop) = (store.clone(), stop.clone());
        tokio::spawn(async move {
            let (mut done, mut unknown, mut n) = (Vec::new(), Vec::new(), 0);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                n += 1;
                let key = format!("{client}\0{n}");
                let i = Unit {
                    idempotency: vec![idempotency(at, &key)],
                    ..unit(&instance(at))
                };
                let own = i.instances[0].instance.process.id;
                match store.write(&[i]).await {
                    Ok(results) => {
                        assert_eq!(results, [Applied::Done]);
                        done.push(own);
                    }
                    Err(StoreError::UnknownOutcome(_)) => unknown.push(own),
                    Err(StoreError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                    Err(other) => panic!("{other:?}"),
                }
            }
            (done, unknown)
        })
    });
    let clients: Vec<_> = clients.collect();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let server = server.clone();
        tokio::task::spawn_blocking(move || {
            server.crash().unwrap();
            server.start_again().unwrap();
        })
        .await
        .unwrap();
    }
    // Work goes on after the second start.
    let mut revived = instance(slot(4));
    loop {
        match store.write(&[unit(&revived)]).await {
            Ok(results) => break assert_eq!(results, [Applied::Done]),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    revived.committed();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let (mut done, mut unknown) = (Vec::new(), 0);
    for client in clients {
        let (d, u) = client.await.unwrap();
        done.extend(d);
        unknown += u.len();
    }
    let found = store.load(&done).await.unwrap();
    assert_eq!(found.len(), done.len());
    let rows = store
        .count_slot(at)
        .await
        .unwrap()
        .into_iter()
        .find(|(t, _)| t == "process_instance")
        .unwrap()
        .1;
    assert!(
        rows as usize >= done.len() && rows as usize <= done.len() + unknown,
        "{rows} {} {unknown}",
        done.len()
    );
    store.close().await;
}

/// Passes bytes on to the server. Once told to, it lets the server's next answer vanish and ends that connection.
async fn swallowing_proxy(port: u16, swallow: std::sync::Arc<std::sync::atomic::AtomicBool>) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            let swallow = swallow.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
                    if swallow.swap(false, std::sync::atomic::Ordering::SeqCst) {
                        break;
                    }
                    to_client.write_all(&buffer[..n]).await.unwrap();
                }
                up.abort();
            });
        }
    });
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_looked_up_and_not_repeated() {
    let f = postgres().await;
    let swallow = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let port: u16 = f.url.split([':', '/']).rev().nth(1).unwrap().parse().unwrap();
    let proxy = swallowing_proxy(port, swallow.clone()).await;
    let store = open(&f.url.replace(&port.to_string(), &proxy.to_string()), options())
        .await
        .unwrap();
    let mut i = instance(slot(3));
    // The same statement twice before, so that the third time is one question and one answer.
    for _ in 0..3 {
        assert_eq!(store.write(&[unit(&i)]).await.unwrap(), [Applied::Done]);
        i.committed();
    }
    let mut stale = i.clone();
    stale.process.revision = 1;
    swallow.store(true, std::sync::atomic::Ordering::SeqCst);
    let results = store.write(&[unit(&stale), unit(&i)]).await.unwrap();
    // Two units on one instance are two statements; the first one's answer was lost, and its refusal remembered.
    assert_eq!(results, [Applied::Conflict, Applied::Done]);
    i.committed();
    swallow.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(store.write(&[unit(&i)]).await.unwrap(), [Applied::Done]);
    assert!(
        !swallow.load(std::sync::atomic::Ordering::SeqCst),
        "the answer did vanish"
    );
    assert_eq!(
        f.load_one(i.process.id).await.unwrap().process.revision,
        i.process.revision + 1
    );
    let mut connection = PgConnection::connect(&f.url).await.unwrap();
    let batches: i64 = sqlx::query_scalar("SELECT count(*) FROM commit_batch")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(batches, 6);
    store.close().await;
}
