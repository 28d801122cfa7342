//! Job definitions: what all jobs of one kind at one element share. REST's `/job-definition`.
use crate::{
    definition::{Definition, Node, NodeIx},
    element::TimerDefinition,
    instance::JobKind,
    timer::TimerKind,
};

/// The jobs of one kind at one element of a definition, as the model gives them.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDefinition {
    pub element: String,
    pub kind: JobKind,
    /// The reference's word, such as `async-continuation`.
    pub job_type: &'static str,
    /// `async-before`, `async-after`, or the timer as written, such as `DURATION: PT1H`.
    pub configuration: String,
}

/// What an operator has set for all jobs of one kind at one element.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSetting {
    pub element: String,
    pub kind: JobKind,
    /// New jobs come suspended.
    pub suspended: bool,
    /// Priority of new jobs, whatever the model says.
    pub priority: Option<i64>,
}

impl Definition {
    /// Its job definitions in the order in which the reference makes them: in each scope start events, activities with
    /// what they contain, catch events, end events, boundary events.
    pub fn job_definitions(&self) -> Vec<JobDefinition> {
        let mut found = Vec::new();
        self.jobs_within(None, &mut found);
        found
    }

    /// The depth is that of nested subprocesses, which deployment bounds.
    fn jobs_within(&self, scope: Option<NodeIx>, found: &mut Vec<JobDefinition>) {
        let mut inside: Vec<NodeIx> = (0..self.nodes.len())
            .filter(|&ix| self.nodes[ix].parent == scope)
            .collect();
        inside.sort_by_key(|&ix| rank(&self.nodes[ix]));
        for ix in inside {
            let node = &self.nodes[ix];
            for (wanted, kind, word) in [
                (node.async_before, JobKind::AsyncBefore, "async-before"),
                (node.async_after, JobKind::AsyncAfter, "async-after"),
            ] {
                if wanted {
                    found.push(JobDefinition {
                        element: node.id.clone(),
                        kind,
                        job_type: "async-continuation",
                        configuration: word.to_owned(),
                    });
                }
            }
            found.extend(timers_of(node));
            self.jobs_within(Some(ix), found);
        }
    }
}

/// The job definitions of a timer event, or of the timeout listeners of a user task.
fn timers_of(node: &Node) -> Vec<JobDefinition> {
    let timeouts = (0..).zip(node.behavior.timeouts());
    let of_timeouts = timeouts.map(|(place, timer)| {
        let kind = JobKind::of_timeout(place);
        timer_job(node, timer, kind, "timer-task-listener")
    });
    of_timeouts.chain(timer_of(node)).collect()
}

fn timer_of(node: &Node) -> Option<JobDefinition> {
    let timer = node.behavior.timer()?;
    let starts = node.behavior.start().is_some();
    let (kind, job_type) = match (starts, node.parent, node.attached_to) {
        (true, None, _) => (JobKind::TimerStart, "timer-start-event"),
        (true, Some(_), _) => (JobKind::Timer, "timer-start-event-subprocess"),
        (false, _, Some(_)) => (JobKind::Timer, "timer-transition"),
        (false, _, None) => (JobKind::Timer, "timer-intermediate-transition"),
    };
    Some(timer_job(node, timer, kind, job_type))
}

fn timer_job(node: &Node, timer: &TimerDefinition, kind: JobKind, job_type: &'static str) -> JobDefinition {
    let word = match timer.kind {
        TimerKind::Date => "DATE",
        TimerKind::Duration => "DURATION",
        TimerKind::Cycle => "CYCLE",
    };
    JobDefinition {
        element: node.id.clone(),
        kind,
        job_type,
        configuration: format!("{word}: {}", timer.text.text()),
    }
}

/// Where a node stands among those of its scope.
fn rank(node: &Node) -> u8 {
    match node.activity_type {
        _ if node.attached_to.is_some() => 4,
        end if end.ends_with("EndEvent") => 3,
        "intermediateTimer" | "intermediateMessageCatch" | "intermediateSignalCatch" => 2,
        "intermediateConditional" | "intermediateLinkCatch" => 2,
        start if start.starts_with("start") || start.ends_with("StartEvent") => 0,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn job_definitions_come_in_the_order_of_the_reference() {
        let model = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
            xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
          <process id="p" isExecutable="true">
            <endEvent id="end" camunda:asyncBefore="true"/>
            <intermediateCatchEvent id="wait"><timerEventDefinition><timeDate>2050-01-01</timeDate></timerEventDefinition>
            </intermediateCatchEvent>
            <boundaryEvent id="late" attachedToRef="box"><timerEventDefinition><timeDuration>PT1H</timeDuration>
            </timerEventDefinition></boundaryEvent>
            <subProcess id="box" camunda:asyncAfter="true">
              <startEvent id="boxStart"/>
              <userTask id="task" camunda:asyncBefore="true" camunda:asyncAfter="true"/>
              <sequenceFlow id="f4" sourceRef="boxStart" targetRef="task"/>
            </subProcess>
            <startEvent id="start"><timerEventDefinition><timeCycle>R/PT1H</timeCycle></timerEventDefinition></startEvent>
            <sequenceFlow id="f1" sourceRef="start" targetRef="wait"/>
            <sequenceFlow id="f2" sourceRef="wait" targetRef="box"/>
            <sequenceFlow id="f3" sourceRef="box" targetRef="end"/>
          </process>
        </definitions>"#;
        let definitions = crate::parse(model.as_bytes()).unwrap();
        let found: Vec<String> = definitions[0]
            .job_definitions()
            .into_iter()
            .map(|j| format!("{} {} {}", j.element, j.job_type, j.configuration))
            .collect();
        let expected = [
            "start timer-start-event CYCLE: R/PT1H",
            "box async-continuation async-after",
            "task async-continuation async-before",
            "task async-continuation async-after",
            "wait timer-intermediate-transition DATE: 2050-01-01",
            "end async-continuation async-before",
            "late timer-transition DURATION: PT1H",
        ];
        assert_eq!(found, expected);
    }
}
