//! One trace from the router over the node to its database.
use anyhow::{Context, Result, ensure};
use axum::{body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any, trace::v1::Span,
};
use prost::Message;
use service::{HostPort, Shutdown, trace::TraceOptions};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use testkit::process::wait_for;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// Of a request that only reads.
const READ: &str = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01";
const MODEL: &str = "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' targetNamespace='t'>\
                     <process id='p' isExecutable='true' xmlns:camunda='http://camunda.org/schema/1.0/bpmn' \
                     camunda:historyTimeToLive='1'><startEvent id='s'/><sequenceFlow id='f' sourceRef='s' targetRef='u'/>\
                     <userTask id='u'/></process></definitions>";

/// What a collector has got: the service, and its span.
type Got = Arc<Mutex<Vec<(String, Span)>>>;

async fn take(State(got): State<Got>, body: Bytes) {
    let sent = ExportTraceServiceRequest::decode(body).unwrap();
    for of in sent.resource_spans {
        let service = of
            .resource
            .into_iter()
            .flat_map(|resource| resource.attributes)
            .find_map(|attribute| match attribute.value?.value? {
                Any::StringValue(text) if attribute.key == "service.name" => Some(text),
                _ => None,
            });
        let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
        let service = service.unwrap();
        got.lock()
            .unwrap()
            .extend(spans.map(|span| (service.clone(), span)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_30_one_trace_leads_from_the_router_over_the_node_to_the_database() -> Result<()> {
    let got: Got = Arc::default();
    let collector = HostPort::loopback(0).bind().await?;
    let traces = TraceOptions {
        otlp_endpoint: Some(format!("http://{}", collector.local_addr()?)),
        trace_ratio: 0.0,
    };
    let served = axum::serve(
        collector,
        axum::Router::new()
            .route("/v1/traces", post(take))
            .with_state(got.clone()),
    );
    tokio::spawn(served.into_future());

    let shutdown = Shutdown::new(Duration::from_secs(10));
    let mut options = engine_node::Options::on_database("sqlite::memory:");
    options.common.traces = traces.clone();
    let node = engine_node::start(
        options,
        HostPort::loopback(0).bind().await?,
        None,
        shutdown.clone(),
    )
    .await?;
    let mut options = router::Options::default();
    options.common.traces = traces;
    let cluster = cluster::fixed(vec![format!("a=http://{}", node.address).parse()?])?;
    let listener = HostPort::loopback(0).bind().await?;
    let base = format!("http://{}/engine-rest", listener.local_addr()?);
    let router = router::Router::new(options, cluster.watch(), shutdown.clone())?;
    let ready = router.readiness();
    let router = tokio::spawn(router.serve(listener));
    wait_for("the router", Duration::from_secs(30), async || {
        Ok(ready.check().ok())
    })
    .await?;

    let client = reqwest::Client::new();
    let part = reqwest::multipart::Part::text(MODEL).file_name("p.bpmn");
    let form = reqwest::multipart::Form::new().part("p.bpmn", part);
    let deployed = client
        .post(format!("{base}/deployment/create"))
        .multipart(form)
        .send()
        .await?;
    ensure!(deployed.status().is_success(), "{}", deployed.text().await?);
    // Neither sampled nor asked for: no span.
    let start = |traceparent: Option<&str>| {
        let request = client.post(format!("{base}/process-definition/key/p/start"));
        let request = request.header("content-type", "application/json").body("{}");
        traceparent.map_or(request.try_clone().unwrap(), |parent| {
            request.header("traceparent", parent)
        })
    };
    ensure!(start(None).send().await?.status() == 200);
    ensure!(start(Some(PARENT)).send().await?.status() == 200);
    let list = client.get(format!("{base}/process-instance?processDefinitionKey=p"));
    ensure!(list.header("traceparent", READ).send().await?.status() == 200);
    shutdown.start();
    router.await??;
    node.finished().await?;

    let got = std::mem::take(&mut *got.lock().unwrap());
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let check = |traceparent: &str, way: &[(&str, &str)]| {
        let mut parent = traceparent[36..52].to_owned();
        for (service, name) in way {
            let below = got.iter().find(|(_, span)| hex(&span.parent_span_id) == parent);
            let (of, span) = below.with_context(|| format!("no span for {name}: {got:?}"))?;
            assert_eq!((of.as_str(), span.name.as_str()), (*service, *name));
            assert_eq!(hex(&span.trace_id), traceparent[3..35]);
            ensure!(span.start_time_unix_nano <= span.end_time_unix_nano);
            parent = hex(&span.span_id);
        }
        let of_trace = got
            .iter()
            .filter(|(_, span)| hex(&span.trace_id) == traceparent[3..35]);
        anyhow::Ok(of_trace.count())
    };
    let (router, node) = ("stellwerk-router", "stellwerk-engine-node");
    let start = "POST /process-definition/key/{key}/start";
    let way = [
        (router, start),
        (router, "shard a"),
        (node, start),
        (node, "database: write batch"),
    ];
    assert_eq!(check(PARENT, &way)?, way.len());
    let list = "GET /process-instance";
    let way = [
        (router, list),
        (router, "shard a"),
        (node, list),
        (node, "database: list process_instance"),
    ];
    assert_eq!(check(READ, &way)?, way.len());
    assert_eq!(got.len(), 2 * way.len());
    Ok(())
}
