//! Traces: what a collector gets of requests, and what nodes are told.
mod support;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value as Any,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use router::Options;
use serde_json::json;
use service::{Common, trace::TraceOptions};
use std::collections::BTreeMap;
use support::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn traced(collector: &FakeNode, ratio: f64) -> Options {
    Options {
        common: Common {
            traces: TraceOptions {
                otlp_endpoint: Some(collector.url.clone()),
                trace_ratio: ratio,
            },
            ..Common::default()
        },
        ..Options::default()
    }
}

async fn collector() -> FakeNode {
    FakeNode::start(async |_| {
        Act::Answer(
            200,
            vec![("content-type", "application/x-protobuf".into())],
            vec![],
        )
    })
    .await
}

/// What the collector has got, once the router has ended.
async fn spans(cluster: Cluster, collector: &FakeNode) -> Vec<Span> {
    cluster.shutdown.start();
    cluster.running.await.unwrap().unwrap();
    let mut spans = Vec::new();
    for seen in collector.seen() {
        assert_eq!(
            (seen.path.as_str(), seen.header("content-type")),
            ("/v1/traces", "application/x-protobuf")
        );
        let sent = ExportTraceServiceRequest::decode(seen.body).unwrap();
        for resource in sent.resource_spans {
            let named = resource
                .resource
                .unwrap()
                .attributes
                .into_iter()
                .any(|attribute| {
                    attribute.key == "service.name"
                        && attribute.value.and_then(|value| value.value)
                            == Some(Any::StringValue("stellwerk-router".into()))
                });
            assert!(named);
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    spans
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: Any| match value {
        Any::StringValue(text) => text,
        Any::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let attributes = span.attributes.iter().cloned();
    attributes
        .filter_map(|a| Some((a.key, text(a.value?.value?))))
        .collect()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_30_a_traced_request_has_a_span_and_each_call_of_a_node_one_below_it() {
    let collector = collector().await;
    let (a, b) = (
        FakeNode::start(async |_| ok(json!([])).with("x-stellwerk-coverage", coverage(0, 2))).await,
        FakeNode::start(async |_| ok(json!([])).with("x-stellwerk-coverage", coverage(1, 2))).await,
    );
    let cluster = Cluster::with(&[("a", &[&a]), ("b", &[&b])], traced(&collector, 0.0)).await;
    let id = id_in(FIRST, 1);
    let sampled = [("traceparent", PARENT), ("tracestate", "k=v")];
    assert_eq!(
        cluster
            .send("GET", &format!("/task/{id}"), &sampled, "")
            .await
            .status,
        200
    );
    assert_eq!(
        cluster
            .send("GET", "/task?sortBy=name&sortOrder=asc", &sampled, "")
            .await
            .status,
        200
    );
    let told: Vec<String> = a
        .seen()
        .iter()
        .chain(&b.seen())
        .map(|seen| seen.header("traceparent").to_owned())
        .collect();
    assert!(a.seen().iter().all(|seen| seen.header("tracestate") == "k=v"));
    let spans = spans(cluster, &collector).await;
    assert!(spans.iter().all(|span| hex(&span.trace_id) == PARENT[3..35]));
    let servers: Vec<&Span> = spans
        .iter()
        .filter(|span| span.kind == SpanKind::Server as i32)
        .collect();
    let calls: Vec<&Span> = spans
        .iter()
        .filter(|span| span.kind == SpanKind::Client as i32)
        .collect();
    let names: Vec<&str> = servers.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["GET /task/{id}", "GET /task"]);
    assert!(
        servers
            .iter()
            .all(|span| hex(&span.parent_span_id) == PARENT[36..52])
    );
    let of_one = attributes(servers[0]);
    assert_eq!(of_one["url.path"], format!("/engine-rest/task/{id}"));
    assert_eq!(
        (&*of_one["http.response.status_code"], &*of_one["stellwerk.class"]),
        ("200", "id")
    );
    // One call for the first, one for each shard of the second; each node was told of its own.
    assert_eq!(calls.len(), 3);
    assert_eq!(
        calls
            .iter()
            .filter(|call| call.parent_span_id == servers[0].span_id)
            .count(),
        1
    );
    assert_eq!(
        calls
            .iter()
            .filter(|call| call.parent_span_id == servers[1].span_id)
            .count(),
        2
    );
    for call in calls {
        let shard = &attributes(call)["stellwerk.shard"];
        assert_eq!(call.name, format!("shard {shard}"));
        assert!(
            told.contains(&format!("{}{}-01", &PARENT[..36], hex(&call.span_id))),
            "{told:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parent_s_decision_counts_and_else_the_ratio() {
    for (ratio, expected) in [(1.0, 3), (0.0, 0)] {
        let collector = collector().await;
        let node = FakeNode::start(async |_| ok(json!({}))).await;
        let cluster = Cluster::with(&[("a", &[&node])], traced(&collector, ratio)).await;
        let unsampled = PARENT.replace("-01", "-00");
        let path = format!("/task/{}", id_in(FIRST, 1));
        for _ in 0..3 {
            // Nobody wants to see it: it is told on as it came.
            cluster
                .send("GET", &path, &[("traceparent", &unsampled)], "")
                .await;
            cluster
                .send("GET", "/version", &[("traceparent", &unsampled)], "")
                .await;
            assert_eq!(cluster.get(&path).await.status, 200);
        }
        let told: Vec<String> = node
            .seen()
            .iter()
            .map(|seen| seen.header("traceparent").to_owned())
            .collect();
        assert_eq!(told.iter().filter(|told| **told == unsampled).count(), 6);
        assert_eq!(told.iter().filter(|told| told.ends_with("-01")).count(), expected);
        let spans = spans(cluster, &collector).await;
        assert_eq!(spans.len(), 2 * expected);
        assert!(
            spans
                .iter()
                .filter(|span| span.kind == SpanKind::Server as i32)
                .all(|span| span.parent_span_id.is_empty())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_costs_no_request_anything() {
    let collector = collector().await;
    let node = FakeNode::start(async |_| ok(json!({}))).await;
    let options = traced(&collector, 1.0);
    collector.kill().await;
    let cluster = Cluster::with(&[("a", &[&node])], options).await;
    for _ in 0..20 {
        assert_eq!(
            cluster.get(&format!("/task/{}", id_in(FIRST, 1))).await.status,
            200
        );
    }
    assert!(spans(cluster, &collector).await.is_empty());
}
