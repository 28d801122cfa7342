//! Rate limits by client and tenant, and CORS, on the plain way and on the general one.
mod support;

use router::{LiveOptions, Options, cors::CorsOptions, metrics::LimitLabel, rates::RateOptions};
use serde_json::json;
use support::*;

/// A node that knows one user.
async fn guarded() -> FakeNode {
    FakeNode::start(async |seen| match seen.header("authorization") {
        "Basic bWFyeTpwdw==" | "" => ok(json!({"id": "x"})),
        _ => status(401, json!(null)),
    })
    .await
}

fn limited(fast_path: bool, rates: RateOptions) -> Options {
    Options {
        fast_path,
        ..live(LiveOptions {
            rates,
            ..LiveOptions::default()
        })
    }
}

fn limited_so_far(cluster: &Cluster, limit: &'static str) -> u64 {
    cluster
        .metrics
        .rate_limited
        .get_or_create(&LimitLabel { limit })
        .get()
}

#[tokio::test]
async fn a_client_over_its_rate_gets_429_and_others_are_served() {
    for fast_path in [true, false] {
        let node = guarded().await;
        let rates = RateOptions {
            client_rate: Some("1/h".parse().unwrap()),
            client_burst: Some(3),
            ..RateOptions::default()
        };
        let cluster = Cluster::with(&[("a", &[&node])], limited(fast_path, rates)).await;
        let path = format!("/task/{}", id_in(FIRST, 1));
        let mary = [("authorization", "Basic bWFyeTpwdw==")];
        // Her first request counts for her address, which has two more.
        assert_eq!(cluster.send("GET", &path, &mary, "").await.status, 200);
        for expected in [200, 200, 429] {
            assert_eq!(cluster.get(&path).await.status, expected);
        }
        // A list takes the general way, a made-up user the address's allowance.
        assert_eq!(cluster.get("/task").await.status, 429);
        let made_up = [("authorization", "Basic eDp5")];
        let refused = cluster.send("GET", &path, &made_up, "").await;
        assert_eq!(refused.status, 429);
        assert_eq!(
            refused.json(),
            json!({
                "type": "TooManyRequestsException",
                "message": "this client has sent more requests than its rate limit allows",
                "code": null
            })
        );
        let seconds: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=3_600).contains(&seconds), "{seconds}");
        // Mary has her own three, on either way.
        for (path, expected) in [(&*path, 200), ("/version", 200), (&*path, 200), (&*path, 429)] {
            assert_eq!(
                cluster.send("GET", path, &mary, "").await.status,
                expected,
                "{path}"
            );
        }
        assert_eq!(limited_so_far(&cluster, "client"), 4);
        assert_eq!(node.seen().len(), 6);
    }
}

#[tokio::test]
async fn a_tenant_over_its_rate_gets_429() {
    for fast_path in [true, false] {
        let node = guarded().await;
        let rates = RateOptions {
            tenant_rate: Some("1/h".parse().unwrap()),
            tenant_burst: Some(2),
            ..RateOptions::default()
        };
        let cluster = Cluster::with(&[("a", &[&node])], limited(fast_path, rates)).await;
        let start = |tenant: &str| format!("/process-definition/key/p/tenant-id/{tenant}/start");
        let made_up = [("authorization", "Basic eDp5")];
        for _ in 0..5 {
            assert_eq!(
                cluster.send("POST", &start("a"), &made_up, "{}").await.status,
                401
            );
        }
        for (tenant, expected) in [("a", 200), ("a", 200), ("a", 429), ("b", 200)] {
            assert_eq!(
                cluster.post(&start(tenant), "{}").await.status,
                expected,
                "{tenant}"
            );
        }
        assert_eq!(cluster.get("/version?tenantIdIn=a").await.status, 429);
        assert_eq!(cluster.get("/version?tenantIdIn=a,b").await.status, 200);
        assert_eq!(limited_so_far(&cluster, "tenant"), 2);
        // Messages and new tasks name theirs in the body.
        let instance = id_in(FIRST, 1);
        let body =
            format!(r#"{{"messageName":"m","name":"t","tenantId":"c","processInstanceId":"{instance}"}}"#);
        for (path, refused) in [
            ("/task/create", false),
            ("/message", false),
            ("/task/create", true),
            ("/message", true),
        ] {
            let status = cluster.post(path, &body).await.status;
            assert_eq!(status == 429, refused, "{path} {status} {fast_path}");
        }
        assert_eq!(limited_so_far(&cluster, "tenant"), 4);
    }
}

#[tokio::test]
async fn browsers_of_allowed_origins_may_call_and_others_get_nothing_to_read() {
    for fast_path in [true, false] {
        let node = guarded().await;
        let rates = RateOptions {
            client_rate: Some("1/h".parse().unwrap()),
            ..RateOptions::default()
        };
        let options = Options {
            fast_path,
            ..live(LiveOptions {
                rates,
                cors: CorsOptions {
                    cors_origin: vec!["https://tasks.example".into()],
                    cors_credentials: true,
                    ..CorsOptions::default()
                },
                ..LiveOptions::default()
            })
        };
        let cluster = Cluster::with(&[("a", &[&node])], options).await;
        let path = format!("/task/{}/complete", id_in(FIRST, 1));
        let asks = [
            ("origin", "https://tasks.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        // Asking costs nothing of what the client may send.
        for _ in 0..3 {
            let got = cluster.send("OPTIONS", &path, &asks, "").await;
            assert_eq!(got.status, 204);
            assert_eq!(got.header("access-control-allow-origin"), "https://tasks.example");
            assert_eq!(got.header("access-control-allow-credentials"), "true");
            assert!(got.header("access-control-allow-methods").contains("POST"));
            assert!(
                got.header("access-control-allow-headers")
                    .contains("Authorization")
            );
            assert_eq!(got.header("access-control-max-age"), "1800");
        }
        assert!(node.seen().is_empty());
        let got = cluster.send("POST", &path, &asks[..1], "{}").await;
        assert_eq!(
            (got.status, got.header("access-control-allow-origin")),
            (200, "https://tasks.example")
        );
        assert!(
            got.header("access-control-expose-headers")
                .contains("x-stellwerk-missing")
        );
        // A script must be able to read why it is refused.
        let got = cluster.send("POST", &path, &asks[..1], "{}").await;
        assert_eq!(
            (got.status, got.header("access-control-allow-origin")),
            (429, "https://tasks.example")
        );
        let got = cluster
            .send("GET", &path, &[("origin", "https://other.example")], "")
            .await;
        assert_eq!(got.header("access-control-allow-origin"), "");
        let other = [("origin", "https://other.example"), asks[1]];
        let got = cluster.send("OPTIONS", &path, &other, "").await;
        assert_eq!(
            (got.status, got.json()["type"].as_str()),
            (403, Some("InvalidRequestException"))
        );
        // An OPTIONS that isn't a browser's question stays what it is.
        assert_eq!(cluster.send("OPTIONS", "/version", &[], "").await.status, 429);
    }
}

#[tokio::test]
async fn without_options_there_is_neither() {
    let node = guarded().await;
    let cluster = Cluster::start(&[("a", &[&node])]).await;
    let path = format!("/task/{}", id_in(FIRST, 1));
    let asks = [
        ("origin", "https://tasks.example"),
        ("access-control-request-method", "GET"),
    ];
    for _ in 0..50 {
        let got = cluster.send("GET", &path, &asks, "").await;
        assert_eq!((got.status, got.header("access-control-allow-origin")), (200, ""));
    }
    let got = cluster.send("OPTIONS", "/version", &asks, "").await;
    assert_eq!((got.status, got.header("allow")), (204, "OPTIONS,GET,HEAD"));
    assert_eq!(got.header("access-control-allow-methods"), "");
}

/// What a client may make up: ids, keys, paths, query values, credentials.
#[tokio::test]
async fn s3_46_the_number_of_series_does_not_follow_what_clients_name() {
    for fast_path in [true, false] {
        let all = coverage(0, 1);
        let node = FakeNode::start(move |seen: Seen| async move {
            match seen.path.ends_with("/process-instance") {
                true => ok(json!([])).with("x-stellwerk-coverage", all),
                false => started(),
            }
        })
        .await;
        let options = Options {
            fast_path,
            ..Options::default()
        };
        let cluster = Cluster::with(&[("a", &[&node])], options).await;
        let ask = async |n: u64| {
            let id = id_in((n % 16_384) as u16, n);
            let credentials = format!("Basic {n}");
            let headers = [("authorization", credentials.as_str())];
            cluster
                .send("GET", &format!("/process-instance/{id}"), &headers, "")
                .await;
            cluster.get(&format!("/made-up-{n}/x")).await;
            cluster
                .get(&format!("/process-instance?businessKey=k{n}&made-up-{n}=1"))
                .await;
            cluster.get(&format!("/engine/shard-{n}/version")).await;
            let key = json!({"businessKey": format!("k{n}")}).to_string();
            cluster
                .post(&format!("/process-definition/key/p{n}/start"), &key)
                .await;
        };
        ask(0).await;
        let before = cluster.series();
        assert!(!before.is_empty());
        for n in 1..100 {
            ask(n).await;
        }
        assert_eq!(cluster.series(), before, "fast path {fast_path}");
    }
}
