//! What is sent: process models that Camunda 7, Operaton and Stellwerk all run, and requests for them.
use crate::drive::{Request, Requests};
use clap::ValueEnum;
use std::{
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Workload {
    /// Start an instance that ends at once
    StartEnd,
    /// Start an instance with three variables that passes an expression and a gateway and waits in a user task
    StartWait,
    /// Workers fetch and complete external tasks that wait already; one operation is a completion
    External,
    /// Correlate a message by business key to instances that wait already
    Correlate,
    /// Start instances with an asynchronous continuation; over when the job executor has ended them all
    Jobs,
    /// Timers of waiting instances fall due all at once; over when the job executor has ended them all
    Timers,
    /// Complete user tasks that wait already
    UserTask,
    /// Count the running instances
    Count,
    /// Count the historic instances
    HistoryCount,
    /// Read one running instance by its id
    Get,
}

/// How a workload is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Independent requests, as many as the time allows.
    Timed,
    /// Each operation uses up something that was started before.
    Prefilled,
    /// Workers of external tasks, on what was started before.
    Workers,
    /// Over when the job executor has nothing left.
    Executor,
}

impl Workload {
    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |v| v.get_name().to_owned())
    }

    /// How it is carried out.
    pub fn shape(self) -> Shape {
        match self {
            Workload::StartEnd | Workload::StartWait => Shape::Timed,
            Workload::Count | Workload::HistoryCount | Workload::Get => Shape::Timed,
            Workload::Correlate | Workload::UserTask => Shape::Prefilled,
            Workload::External => Shape::Workers,
            Workload::Jobs | Workload::Timers => Shape::Executor,
        }
    }

    /// The process that it uses, if it starts instances.
    pub fn key(self) -> Option<&'static str> {
        match self {
            Workload::StartEnd => Some("bench_end"),
            Workload::StartWait | Workload::Get => Some("bench_wait"),
            Workload::External => Some("bench_external"),
            Workload::Correlate => Some("bench_message"),
            Workload::Jobs => Some("bench_job"),
            Workload::Timers => Some("bench_timer"),
            Workload::UserTask => Some("bench_task"),
            Workload::Count | Workload::HistoryCount => None,
        }
    }

    /// The model of that process.
    pub fn model(self) -> Option<String> {
        let key = self.key()?;
        Some(match self {
            Workload::StartEnd => model(key, ""),
            Workload::StartWait | Workload::Get => model(key, CHECKED),
            Workload::External => model(
                key,
                r#"<serviceTask id="t" camunda:type="external" camunda:topic="bench"/>"#,
            ),
            Workload::Correlate => model(
                key,
                r#"<intermediateCatchEvent id="t"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>"#,
            ),
            Workload::Jobs => model(
                key,
                r#"<serviceTask id="t" camunda:asyncBefore="true" camunda:expression="${true}"/>"#,
            ),
            Workload::Timers => model(
                key,
                r#"<intermediateCatchEvent id="t"><timerEventDefinition><timeDate xsi:type="tFormalExpression">${due}</timeDate></timerEventDefinition></intermediateCatchEvent>"#,
            ),
            _ => model(key, r#"<userTask id="t" camunda:assignee="demo"/>"#),
        })
    }

    /// Whether its operations leave anything on disk.
    pub fn writes(self) -> bool {
        !matches!(self, Workload::Count | Workload::HistoryCount | Workload::Get)
    }

    /// Whether an instance of its process ends in the request that starts it.
    pub fn ends_at_once(self) -> bool {
        self == Workload::StartEnd
    }
}

/// An expression, a gateway and a user task, with `in` and `out` as the first and last flow's ends.
const CHECKED: &str = r#"<serviceTask id="t" camunda:expression="${amount &gt; 100}"/><sequenceFlow id="f2" sourceRef="t" targetRef="g"/><exclusiveGateway id="g" default="f4"/><sequenceFlow id="f3" sourceRef="g" targetRef="u"><conditionExpression xsi:type="tFormalExpression">${amount &gt; 100}</conditionExpression></sequenceFlow><sequenceFlow id="f4" sourceRef="g" targetRef="e"/><userTask id="u" name="Approve" camunda:assignee="demo"/><sequenceFlow id="f5" sourceRef="u" targetRef="e"/>"#;

/// A model: start event `s`, what stands between, end event `e`. The first element between is `t`.
fn model(key: &str, between: &str) -> String {
    let flows = match between {
        "" => r#"<sequenceFlow id="f1" sourceRef="s" targetRef="e"/>"#.to_owned(),
        // It has its own flows to the end.
        CHECKED => format!(r#"<sequenceFlow id="f1" sourceRef="s" targetRef="t"/>{between}"#),
        _ => format!(
            r#"<sequenceFlow id="f1" sourceRef="s" targetRef="t"/>{between}<sequenceFlow id="f2" sourceRef="t" targetRef="e"/>"#
        ),
    };
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><definitions id="defs" xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="bench"><message id="m" name="bench"/><process id="{key}" isExecutable="true" camunda:historyTimeToLive="30"><startEvent id="s"/>{flows}<endEvent id="e"/></process></definitions>"#
    )
}

/// Three variables, as a real order has them.
const VARIABLES: &str = r#""amount":{"value":500,"type":"Integer"},"customer":{"value":"customer","type":"String"},"express":{"value":true,"type":"Boolean"}"#;

/// Makes the business keys of each round differ from those of every other.
static ROUND: AtomicU64 = AtomicU64::new(0);

/// A prefix of business keys that no other round has.
pub fn fresh_prefix() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    format!("{}-{}", now.as_millis(), ROUND.fetch_add(1, Ordering::Relaxed))
}

/// Starts instances of the workload's process. Business keys are `PREFIX-NUMBER`; timers are due at `due`.
pub fn starts(workload: Workload, prefix: &str, due: SystemTime) -> Requests {
    let (key, prefix) = (workload.key().unwrap_or("bench_wait"), prefix.to_owned());
    let variables = match workload {
        Workload::StartWait | Workload::Get => format!(r#","variables":{{{VARIABLES}}}"#),
        Workload::Timers => {
            format!(
                r#","variables":{{"due":{{"value":"{}","type":"String"}}}}"#,
                instant(due)
            )
        }
        _ => String::new(),
    };
    let path = format!("/process-definition/key/{key}/start");
    Arc::new(move |number| Request {
        method: "POST",
        path: path.clone(),
        body: format!(r#"{{"businessKey":"{prefix}-{number}"{variables}}}"#),
    })
}

/// A time as ISO 8601 in UTC, to the second.
fn instant(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    jiff::Timestamp::from_second(seconds as i64).map_or_else(|_| String::new(), |t| t.to_string())
}

/// Correlates to the instances that [`starts`] with that prefix started.
pub fn correlations(prefix: &str) -> Requests {
    let prefix = prefix.to_owned();
    Arc::new(move |number| Request {
        method: "POST",
        path: "/message".into(),
        body: format!(r#"{{"messageName":"bench","businessKey":"{prefix}-{number}"}}"#),
    })
}

/// Completes the user tasks with these ids.
pub fn completions(ids: Vec<String>) -> Requests {
    Arc::new(move |number| Request {
        method: "POST",
        path: format!(
            "/task/{}/complete",
            ids.get(number as usize).map_or("none", String::as_str)
        ),
        body: "{}".into(),
    })
}

/// Reads the same thing again and again.
pub fn reads(path: &str) -> Requests {
    let path = path.to_owned();
    Arc::new(move |_| Request {
        method: "GET",
        path: path.clone(),
        body: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_has_a_model_under_its_own_key() {
        for workload in Workload::value_variants() {
            assert_eq!(workload.key().is_some(), workload.model().is_some());
            if let (Some(key), Some(model)) = (workload.key(), workload.model()) {
                assert!(model.contains(&format!(r#"process id="{key}""#)), "{model}");
                for flow in ["s", "e"] {
                    assert!(model.contains(&format!(r#"id="{flow}""#)), "{model}");
                }
            }
        }
    }

    #[test]
    fn business_keys_of_two_rounds_differ() {
        let (one, two) = (fresh_prefix(), fresh_prefix());
        assert_ne!(one, two);
        let start = starts(Workload::Correlate, &one, UNIX_EPOCH)(7);
        let message = correlations(&one)(7);
        let key = format!(r#""businessKey":"{one}-7""#);
        assert!(start.body.contains(&key) && message.body.contains(&key));
    }

    #[test]
    fn a_timer_is_due_at_a_time_that_both_engines_parse() {
        let start = starts(
            Workload::Timers,
            "p",
            UNIX_EPOCH + Duration::from_secs(1_763_698_000),
        )(0);
        assert!(start.body.contains("2025-11-21T04:06:40Z"), "{}", start.body);
    }
}
