//! Rows of the requirements that the engine core proves alone.
use crate::twin::Twin;
use bpmn_core::{
    Id,
    command::Command,
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
