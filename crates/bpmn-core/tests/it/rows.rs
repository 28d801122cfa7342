//! Rows of the requirements that the engine core proves alone.
use crate::twin::Twin;
use bpmn_core::{
    Definition, Id,
    command::{Command, Retries},
    instance::{EndState, HistoryRow},
    parse,
    value::TypedValue,
};

const ORDER_PROCESS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"
    xmlns:camunda="http://camunda.org/schema/1.0/bpmn" id="Definitions_1" targetNamespace="http://bpmn.io/schema/bpmn">
  <bpmn:collaboration id="Collaboration_1"><bpmn:participant id="Participant_1" processRef="Order_Process"/>
  </bpmn:collaboration>
  <bpmn:process id="Order_Process" name="Order" isExecutable="true">
    <bpmn:startEvent id="StartEvent_1"><bpmn:outgoing>Flow_1</bpmn:outgoing></bpmn:startEvent>
    <bpmn:sequenceFlow id="Flow_1" sourceRef="StartEvent_1" targetRef="Create"/>
    <bpmn:serviceTask id="Create" name="Create Invoice" camunda:type="external" camunda:topic="invoiceCreator">
      <bpmn:incoming>Flow_1</bpmn:incoming><bpmn:outgoing>Flow_2</bpmn:outgoing></bpmn:serviceTask>
    <bpmn:sequenceFlow id="Flow_2" sourceRef="Create" targetRef="Store"/>
    <bpmn:task id="Store" name="Store invoice"/>
    <bpmn:sequenceFlow id="Flow_3" sourceRef="Store" targetRef="End"/>
    <bpmn:endEvent id="End"/>
  </bpmn:process>
  <bpmndi:BPMNDiagram id="Diagram_1"><bpmndi:BPMNPlane id="Plane_1" bpmnElement="Collaboration_1">
    <bpmndi:BPMNShape id="Shape_1" bpmnElement="StartEvent_1"><dc:Bounds x="1" y="2" width="36" height="36"/>
    </bpmndi:BPMNShape></bpmndi:BPMNPlane></bpmndi:BPMNDiagram>
</bpmn:definitions>"#;

/// A started order process whose task `Client_1` holds.
fn held() -> (Twin, Id) {
    let mut twin = Twin::new(parse(ORDER_PROCESS.as_bytes()).unwrap().remove(0));
    let outcome = twin
        .start(
            None,
            Command::Start {
                element: None,
                variables: Vec::new(),
            },
        )
        .unwrap();
    assert_eq!(outcome.topics, ["invoiceCreator"]);
    let task = twin.instance().external_tasks.iter().next().unwrap().id;
    twin.step(Command::LockExternalTask {
        task,
        worker: "Client_1".to_owned(),
        duration: 10_000,
    })
    .unwrap();
    (twin, task)
}

fn complete(task: Id, worker: &str) -> Command {
    let variables = vec![("invoice".to_owned(), TypedValue::Integer(1))];
    Command::CompleteExternalTask {
        task,
        worker: worker.to_owned(),
        variables,
        local_variables: Vec::new(),
    }
}

#[test]
fn s0_11_the_order_process_ends_after_one_worker_completion() {
    let (mut twin, task) = held();
    twin.step(complete(task, "Client_1")).unwrap();
    assert!(twin.instance().ended);
    let ended: Vec<String> = twin
        .history
        .iter()
        .filter_map(|row| match row {
            HistoryRow::Activity(activity) => {
                let kind = twin.definition.node(&activity.element).unwrap().activity_type;
                Some(format!("{} {kind}", activity.element))
            }
            HistoryRow::Process(process) => {
                assert_eq!(
                    (process.state, process.end_element.as_deref()),
                    (EndState::Completed, Some("End"))
                );
                Some("the process".to_owned())
            }
            _ => None,
        })
        .collect();
    let expected = [
        "StartEvent_1 startEvent",
        "Create serviceTask",
        "Store task",
        "End noneEndEvent",
        "the process",
    ];
    assert_eq!(ended, expected);
}

#[test]
fn s0_21_a_worker_that_does_not_hold_the_task_is_told_who_does() {
    let (mut twin, task) = held();
    let rejection = twin.step(complete(task, "Client_2")).unwrap_err();
    let message = format!(
        "External Task {task} cannot be completed by worker 'Client_2'. It is locked by worker 'Client_1'."
    );
    assert_eq!(rejection.to_string(), message);
    let row = twin.instance().external_tasks.get(task).unwrap();
    assert_eq!(row.worker_id.as_deref(), Some("Client_1"));
    twin.step(complete(task, "Client_1")).unwrap();
    assert!(twin.instance().ended);
}

fn model(body: &str) -> Definition {
    let xml = format!(
        "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' targetNamespace='test' \
         xmlns:camunda='http://camunda.org/schema/1.0/bpmn'><process id='p' isExecutable='true'>{body}</process>\
         </definitions>"
    );
    parse(xml.as_bytes()).unwrap().remove(0)
}

fn start(twin: &mut Twin) -> Result<(), bpmn_core::command::Rejection> {
    let variables = vec![("x".to_owned(), TypedValue::Integer(1))];
    let element = None;
    twin.start(None, Command::Start { element, variables }).map(drop)
}

/// How many stored rows the last step wrote or deleted.
fn written(twin: &Twin) -> usize {
    let i = twin.last_write.as_ref().unwrap();
    let (tokens, variables) = (&i.tokens, &i.variables);
    let written = tokens.upserts().count() + tokens.deletes().count();
    let written = written + variables.upserts().count() + variables.deletes().count();
    written + i.tasks.upserts().count() + i.jobs.upserts().count() + i.external_tasks.upserts().count()
}

#[test]
fn s2_19_three_tasks_in_one_go_leave_no_intermediate_rows() {
    let tasks = "<startEvent id='s'/><sequenceFlow id='f' sourceRef='s' targetRef='a'/>\
        <serviceTask id='a' camunda:expression='${x + 1}' camunda:resultVariable='own'><extensionElements>\
        <camunda:inputOutput><camunda:inputParameter name='own'>${x}</camunda:inputParameter></camunda:inputOutput>\
        </extensionElements></serviceTask><sequenceFlow id='g' sourceRef='a' targetRef='b'/><task id='b'/>\
        <sequenceFlow id='h' sourceRef='b' targetRef='c'/><manualTask id='c'/>\
        <boundaryEvent id='t' attachedToRef='c'><timerEventDefinition><timeDuration>PT1H</timeDuration>\
        </timerEventDefinition></boundaryEvent>";
    let mut twin = Twin::new(model(tasks));
    start(&mut twin).unwrap();
    assert!(twin.instance().ended);
    assert_eq!(written(&twin), 0);
    let waiting = "<sequenceFlow id='i' sourceRef='c' targetRef='d'/><userTask id='d'/>";
    let mut twin = Twin::new(model(&(tasks.to_owned() + waiting)));
    start(&mut twin).unwrap();
    // The token, the task, and the variable of the start.
    assert_eq!(written(&twin), 3);
}

/// Retries and wait after each failure of an instance's only job.
fn failures(twin: &mut Twin) -> Vec<(i32, Option<i64>)> {
    start(twin).unwrap();
    let fail = |_| {
        let job = twin.instance().jobs.iter().next().unwrap().id;
        let message = "failed".to_owned();
        let stacktrace = String::new();
        let now = twin.now;
        twin.step(Command::FailJob {
            job,
            element: None,
            message,
            stacktrace,
        })
        .unwrap();
        let row = twin.instance().jobs.get(job).unwrap();
        (row.retries, row.due.map(|due| due - now))
    };
    (0..4).map(fail).collect()
}

#[test]
fn s3_15_retry_cycles_come_from_the_element_else_from_the_global_default() {
    let asynchronous = |cycle: &str| {
        Twin::new(model(&format!(
            "<startEvent id='s'/><sequenceFlow id='f' sourceRef='s' targetRef='a'/>\
             <task id='a' camunda:asyncBefore='true'><extensionElements>{cycle}</extensionElements></task>"
        )))
    };
    let none = |retries| (retries, None);
    let after = |retries, seconds: i64| (retries, Some(seconds * 1_000));
    assert_eq!(
        failures(&mut asynchronous("")),
        [none(2), none(1), none(0), none(0)]
    );
    let own = "<camunda:failedJobRetryTimeCycle>${x == 1 ? 'PT10S,PT1M' : 'R5/PT5M'}</camunda:failedJobRetryTimeCycle>";
    let of_element = [after(2, 10), after(1, 60), after(0, 60), after(0, 60)];
    assert_eq!(failures(&mut asynchronous(own)), of_element);
    let mut twin = asynchronous("");
    twin.retries = Retries {
        tries: 1,
        cycle: Some("R3/PT5S"),
        jitter: 0,
    };
    let of_default = [after(2, 5), after(1, 5), after(0, 5), after(0, 5)];
    assert_eq!(failures(&mut twin), of_default);
    let mut twin = asynchronous(own);
    twin.retries.cycle = Some("R3/PT5S");
    assert_eq!(failures(&mut twin), of_element);
    // Without a cycle only the number of tries.
    let mut twin = asynchronous("");
    twin.retries.tries = 1;
    start(&mut twin).unwrap();
    assert_eq!(twin.instance().jobs.iter().next().unwrap().retries, 1);
}
