//! What a model must not be able to do to the engine.
use crate::twin::Twin;
use bpmn_core::problem::Refusal;
use bpmn_core::{
    command::{Command, Rejection},
    parse,
};

fn definition(body: &str) -> bpmn_core::Definition {
    let xml = format!(
        "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" targetNamespace=\"test\"><process id=\"p\" isExecutable=\"true\">\
         {body}</process></definitions>"
    );
    parse(xml.as_bytes()).unwrap().remove(0)
}

fn start(twin: &mut Twin) -> Result<(), Rejection> {
    twin.start(
        None,
        Command::Start {
            element: None,
            variables: Vec::new(),
        },
    )
    .map(drop)
}

#[test]
fn a_loop_without_a_wait_state_is_stopped() {
    let mut twin = Twin::new(definition(
        "<startEvent id='s'/><task id='a'/><task id='b'/><sequenceFlow id='f' sourceRef='s' targetRef='a'/>\
         <sequenceFlow id='g' sourceRef='a' targetRef='b'/><sequenceFlow id='h' sourceRef='b' targetRef='a'/>",
    ));
    twin.max_steps = 1_000;
    let message = "the process passed 1000 elements without reaching a wait state".to_owned();
    let rejection = start(&mut twin).unwrap_err();
    assert!(matches!(rejection, Rejection::Failure { message: m, .. } if m == message));
}

#[test]
fn a_hundred_thousand_steps_do_not_need_the_stack() {
    let mut body = String::from("<startEvent id='s'/>");
    let count = 100_000;
    let mut before = "s".to_owned();
    for at in 0..count {
        body +=
            &format!("<task id='t{at}'/><sequenceFlow id='f{at}' sourceRef='{before}' targetRef='t{at}'/>");
        before = format!("t{at}");
    }
    let mut twin = Twin::new(definition(&body));
    twin.max_steps = 200_000;
    start(&mut twin).unwrap();
    assert_eq!(twin.history.len(), count + 2);
}

fn nested(depth: usize) -> String {
    let mut body = String::new();
    for at in 0..depth {
        body += &format!(
            "<startEvent id='s{at}'/><sequenceFlow id='f{at}' sourceRef='s{at}' targetRef='p{at}'/>\
             <subProcess id='p{at}'>"
        );
    }
    body + "<startEvent id='s'/>" + &"</subProcess>".repeat(depth)
}

#[test]
fn subprocesses_nest_a_hundred_deep_and_no_deeper() {
    let mut twin = Twin::new(definition(&nested(100)));
    start(&mut twin).unwrap();
    assert_eq!(twin.history.len(), 100 * 2 + 2);
    for depth in [101, 50_000] {
        let xml = format!(
            "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" targetNamespace=\"test\"><process id=\"p\" \
             isExecutable=\"true\">{}</process></definitions>",
            nested(depth)
        );
        let errors = parse(xml.as_bytes()).unwrap_err();
        assert_eq!(errors.problems[0].message, "subprocesses nest deeper than 100");
    }
}

#[test]
fn a_document_type_declaration_is_refused() {
    let errors = parse(b"<!DOCTYPE a [<!ENTITY x 'y'>]><definitions/>").unwrap_err();
    let message = "ENGINE-09003 Could not parse 'm.bpmn'. DOCTYPE is disallowed when the feature \
                   \"http://apache.org/xml/features/disallow-doctype-decl\" set to true.";
    assert_eq!(errors.message("m.bpmn"), message);
}

#[test]
fn what_is_no_bpmn_is_told_as_the_reference_tells_it() {
    let errors = parse(b"<definitions/>").unwrap_err();
    let message = "ENGINE-09005 Could not parse BPMN process. Errors: \n* cvc-elt.1.a: Cannot find the declaration of \
                   element 'definitions'. | resource m.bpmn | line 1 | column 15";
    assert_eq!(errors.message("m.bpmn"), message);
    assert_eq!(parse(b"<definitions").unwrap_err().refusal, Refusal::Malformed);
    assert_eq!(parse(&[0xff, 0xfe]).unwrap_err().refusal, Refusal::Malformed);
}

#[test]
fn a_definition_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&definition("<startEvent id='s'/>"));
}
