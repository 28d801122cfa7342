//! Java code as external tasks: which topic, and what the worker is told.
use crate::twin::Counter;
use bpmn_core::{
    DefinitionRef, Id, Slot,
    command::{Command, Env, Rejection, Retries},
    instance::Instance,
    needs::Needed,
    new_instance, parse, step,
    value::TypedValue,
    world::{JavaCode, World},
};

/// Every class and bean of `acme` has a topic.
struct Acme;

impl World for Acme {
    fn java_topic(&self, code: JavaCode<'_>) -> Option<String> {
        let (JavaCode::Class(name) | JavaCode::Delegate(name) | JavaCode::Bean(name)) = code;
        name.contains("acme").then(|| format!("java:{name}"))
    }
}

fn model(task: &str) -> String {
    format!(
        r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="test"
        xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><process id="p" isExecutable="true"><startEvent id="s"/>
        <sequenceFlow id="f1" sourceRef="s" targetRef="a"/>{task}<sequenceFlow id="f2" sourceRef="a" targetRef="u"/>
        <userTask id="u"/></process></definitions>"#
    )
}

/// Starts an instance of it, with a variable `x`; also gives the extension properties of the element `a`.
fn started(task: &str) -> (Result<Instance, Rejection>, Vec<(String, String)>) {
    let definition = parse(model(task).as_bytes()).unwrap().remove(0);
    let reference = DefinitionRef {
        id: Id::from_parts(1, 0, Slot::from_bits(0), 7),
        definition: &definition,
        rest_id: "p:1:definition",
        version: 1,
        tenant_id: None,
        job_settings: &[],
    };
    let mut ids = Counter::default();
    let mut env = Env {
        now: 1_000,
        ids: &mut ids,
        user: None,
        groups: None,
        max_steps: 100,
        retries: Retries::default(),
        history: &bpmn_core::history::FULL,
        world: &Acme,
        given: &[],
    };
    let mut instance = new_instance(&reference, Slot::from_bits(5), None, &mut env);
    let command = Command::Start {
        element: None,
        variables: vec![("x".to_owned(), TypedValue::Integer(5))],
    };
    let result = step(&reference, &mut instance, command, &mut env).map(|_| instance);
    (result, definition.node("a").unwrap().properties.clone())
}

fn topic(instance: &Instance) -> Option<String> {
    instance
        .external_tasks
        .iter()
        .next()
        .map(|task| task.topic.clone())
}

fn variable(instance: &Instance, name: &str) -> Option<TypedValue> {
    let found = instance.variables.iter().find(|v| v.name == name);
    found.map(|v| v.value.clone())
}

fn told(properties: &[(String, String)]) -> Vec<String> {
    properties
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

#[test]
fn a_class_with_a_topic_is_an_external_task_that_names_it_and_its_fields() {
    let (instance, properties) = started(
        r#"<serviceTask id="a" camunda:class="com.acme.Mail"><extensionElements>
        <camunda:field name="to"><camunda:string>ann</camunda:string></camunda:field>
        <camunda:field name="count"><camunda:expression>${x + 1}</camunda:expression></camunda:field>
        <camunda:field name="kind" stringValue="letter"/></extensionElements></serviceTask>"#,
    );
    let instance = instance.unwrap();
    assert_eq!(topic(&instance).as_deref(), Some("java:com.acme.Mail"));
    assert_eq!(
        told(&properties),
        [
            "java.class=com.acme.Mail",
            "java.field.to=ann",
            "java.field.kind=letter"
        ]
    );
    assert_eq!(variable(&instance, "java.field.count"), Some(TypedValue::Long(6)));
}

#[test]
fn a_delegate_expression_and_a_send_task_with_a_topic_are_external_tasks() {
    let (instance, properties) = started(r#"<sendTask id="a" camunda:delegateExpression="${acmeMail}"/>"#);
    assert_eq!(topic(&instance.unwrap()).as_deref(), Some("java:${acmeMail}"));
    assert_eq!(told(&properties), ["java.delegateExpression=${acmeMail}"]);
}

#[test]
fn a_call_of_a_bean_gives_its_arguments_to_the_worker() {
    let (instance, properties) = started(
        r#"<serviceTask id="a" camunda:expression="${acmeMail.send(execution, x, 'a')}"
        camunda:resultVariable="sent"/>"#,
    );
    let instance = instance.unwrap();
    assert_eq!(topic(&instance).as_deref(), Some("java:acmeMail"));
    assert_eq!(
        told(&properties),
        [
            "java.bean=acmeMail",
            "java.method=send",
            "java.resultVariable=sent"
        ]
    );
    let arguments = r#"[{"bean":"execution"},{"type":"Integer","class":"java.lang.Integer","value":5},{"type":"String","class":"java.lang.String","value":"a"}]"#;
    assert_eq!(
        variable(&instance, "java.arguments"),
        Some(TypedValue::Json(arguments.to_owned()))
    );
}

#[test]
fn a_method_of_a_variable_is_called_here() {
    let (instance, _) =
        started(r#"<serviceTask id="a" camunda:expression="${x.toString()}" camunda:resultVariable="r"/>"#);
    let instance = instance.unwrap();
    assert_eq!(topic(&instance), None);
    assert_eq!(variable(&instance, "r"), Some(TypedValue::String("5".to_owned())));
}

#[test]
fn code_without_a_topic_fails_in_the_reference_s_words_and_names_the_setting() {
    let message = |task: &str| match started(task).0 {
        Err(Rejection::Failure { message, element }) => format!("{}: {message}", element.unwrap_or_default()),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        message(r#"<serviceTask id="a" camunda:class="org.other.Mail"/>"#),
        "a: ENGINE-09008 Exception while instantiating class 'org.other.Mail': ENGINE-09017 Cannot load class \
         'org.other.Mail': org.other.Mail; map it to an external task topic with --java-delegates"
    );
    assert_eq!(
        message(r#"<serviceTask id="a" camunda:delegateExpression="${mail}"/>"#),
        "a: Unknown property used in expression: ${mail}. Cause: Cannot resolve identifier 'mail'; map it to an external \
         task topic with --java-delegates"
    );
    assert_eq!(
        message(r#"<serviceTask id="a" camunda:expression="${mail.send(x)}"/>"#),
        "a: Unknown property used in expression: ${mail.send(x)}. Cause: Cannot resolve identifier 'mail'"
    );
}

#[test]
fn a_model_tells_what_it_needs_and_where() {
    let task = r#"<serviceTask id="a" camunda:class="com.acme.Mail"><extensionElements>
        <camunda:executionListener event="start" class="com.acme.Log"/></extensionElements></serviceTask>"#;
    let needs = &parse(model(task).as_bytes()).unwrap()[0].needs;
    let found: Vec<_> = needs
        .iter()
        .map(|n| (n.element.as_str(), n.line, &n.what))
        .collect();
    assert_eq!(
        found,
        [
            ("a", 3, &Needed::Class("com.acme.Mail".to_owned())),
            ("a", 4, &Needed::Listener("com.acme.Log".to_owned()))
        ]
    );
    assert_eq!(needs[0].what.to_string(), "the Java class 'com.acme.Mail'");
}
