//! Scripts over REST. Expected types, values and messages are the reference's (Camunda 7.24 with GraalJS).
use crate::api::Api;
use serde_json::{Value, json};

/// A process `p` whose start leads to the elements; `u` is a user task at the end.
fn model(elements: &str) -> String {
    format!(
        r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="t">
  <bpmn:error id="e" errorCode="code"/>
  <bpmn:process id="p" isExecutable="true" camunda:historyTimeToLive="1">
    <bpmn:startEvent id="s"/><bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="t"/>{elements}
    <bpmn:userTask id="u"/>
  </bpmn:process>
</bpmn:definitions>"#
    )
}

fn task(language: &str, script: &str) -> String {
    model(&format!(
        r#"<bpmn:scriptTask id="t" name="The task" scriptFormat="{language}" camunda:resultVariable="r">
<bpmn:script><![CDATA[{script}]]></bpmn:script></bpmn:scriptTask><bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="u"/>"#
    ))
}

/// Name, type and value of all variables.
async fn variables(api: &Api) -> Value {
    let rows = api
        .get("/variable-instance?deserializeValues=false&sortBy=variableName&sortOrder=asc")
        .await;
    let row = |row: &Value| json!([row["name"], row["type"], row["value"]]);
    rows.as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn a_script_sees_variables_sets_some_and_its_value_is_the_result() {
    let api = Api::quiet().await;
    let script = "execution.setVariable('sum', i + 1); execution.setVariable('half', i / 2);
        execution.setVariable('id', execution.getProcessInstanceId() == execution.getId());
        execution.setVariable('name', execution.getCurrentActivityName() + S(j).prop('a').numberValue());
        execution.removeVariable('gone'); ({list: [1], name: 'x'})";
    api.deploy(&task("javascript", script)).await;
    let given = json!({"variables": {"i": {"value": 3}, "gone": {"value": 1}, "j": {"value": "{\"a\":5}", "type": "Json"}}});
    api.start("p", given).await;
    let expected = json!([
        ["half", "Double", 1.5],
        ["i", "Integer", 3],
        ["id", "Boolean", true],
        ["j", "Json", "{\"a\":5}"],
        ["name", "String", "The task5"],
        ["r", "Object", "{\"list\":{},\"name\":\"x\"}"],
        ["sum", "Integer", 4],
    ]);
    assert_eq!(variables(&api).await, expected);
}

#[tokio::test]
async fn failures_are_told_in_the_reference_s_words() {
    let api = Api::quiet().await;
    for (language, script, cause) in [
        (
            "javascript",
            "nope",
            "Unable to evaluate script while executing activity 't' in the process definition with id 'ID':\
             org.graalvm.polyglot.PolyglotException: ReferenceError: nope is not defined",
        ),
        (
            "javascript",
            "throw new java.lang.RuntimeException('rt')",
            "Unable to evaluate script while executing activity 't' in the process definition with id 'ID':\
             java.lang.RuntimeException: rt",
        ),
        (
            "python",
            "1",
            "Can't find scripting engine for 'python': scriptEngine is null",
        ),
        (
            "groovy",
            "1",
            "Can't find scripting engine for 'groovy': scriptEngine is null. Groovy needs a Java runtime and its host: \
             --groovy-host JAR",
        ),
    ] {
        let definition = api.deploy(&task(language, script)).await;
        let reply = api
            .json("POST", "/process-definition/key/p/start", json!({}))
            .await;
        assert_eq!(reply.status, 500, "{}", reply.body);
        let message = reply.body["message"].as_str().unwrap().replace(&definition, "ID");
        assert_eq!(
            message,
            format!("Cannot instantiate process definition ID: {cause}")
        );
    }
}

#[tokio::test]
async fn a_script_may_be_a_resource_of_the_deployment() {
    let api = Api::quiet().await;
    let with = |path: &str| {
        model(&format!(
            r#"<bpmn:scriptTask id="t" scriptFormat="javascript" camunda:resultVariable="r" camunda:resource="{path}"/>
<bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="u"/>"#
        ))
    };
    let model = with("deployment://x.js");
    let parts = [
        ("deployment-name", None, "test"),
        ("data", Some("p.bpmn"), &*model),
        ("x", Some("x.js"), "6 * 7"),
    ];
    assert_eq!(api.upload(&parts).await.status, 200);
    api.start("p", json!({})).await;
    assert_eq!(variables(&api).await, json!([["r", "Integer", 42]]));
    for path in ["x.js", "classpath://x.js", "deployment://y.js"] {
        api.deploy(&with(path)).await;
        let reply = api
            .json("POST", "/process-definition/key/p/start", json!({}))
            .await;
        let message = reply.body["message"].as_str().unwrap();
        let cause = format!("ENGINE-09024 Unable to find resource at path {path}");
        assert!(message.ends_with(&cause), "{message}");
    }
}

#[tokio::test]
async fn s4_09_a_caught_error_is_printed_and_raised_again() {
    let api = Api::quiet().await;
    let script = "throw new org.camunda.bpm.engine.delegate.BpmnError('code', 'too many requests')";
    let elements = format!(
        r#"<bpmn:scriptTask id="t" scriptFormat="javascript"><bpmn:script>{script}</bpmn:script></bpmn:scriptTask>
<bpmn:boundaryEvent id="b" attachedToRef="t"><bpmn:errorEventDefinition errorRef="e" camunda:errorCodeVariable="c" camunda:errorMessageVariable="m"/></bpmn:boundaryEvent>
<bpmn:sequenceFlow id="f2" sourceRef="b" targetRef="print"/>
<bpmn:scriptTask id="print" scriptFormat="javascript"><bpmn:script>print(c + ': ' + m); execution.setVariable('printed', m)</bpmn:script></bpmn:scriptTask>
<bpmn:sequenceFlow id="f3" sourceRef="print" targetRef="u"/>"#
    );
    api.deploy(&model(&elements)).await;
    api.start("p", json!({})).await;
    let expected = json!([
        ["c", "String", "code"],
        ["m", "String", "too many requests"],
        ["printed", "String", "too many requests"],
    ]);
    assert_eq!(variables(&api).await, expected);
}

#[tokio::test]
async fn conditions_parameters_and_listeners_run_scripts() {
    let api = Api::quiet().await;
    let elements = r#"<bpmn:exclusiveGateway id="t" default="fd"/>
<bpmn:sequenceFlow id="fc" sourceRef="t" targetRef="v"><bpmn:conditionExpression xsi:type="bpmn:tFormalExpression" language="javascript">i == 3</bpmn:conditionExpression></bpmn:sequenceFlow>
<bpmn:sequenceFlow id="fd" sourceRef="t" targetRef="u"/>
<bpmn:userTask id="v" name="Look" camunda:assignee="demo"><bpmn:extensionElements>
  <camunda:inputOutput><camunda:inputParameter name="in"><camunda:script scriptFormat="javascript">i + 1</camunda:script></camunda:inputParameter></camunda:inputOutput>
  <camunda:taskListener event="create"><camunda:script scriptFormat="javascript">task.setPriority(7); task.setName(task.getName() + ' at ' + task.getEventName()); task.addCandidateGroup('g'); task.setVariable('seen', task.getAssignee())</camunda:script></camunda:taskListener>
  <camunda:executionListener event="start"><camunda:script scriptFormat="javascript">execution.setVariable('event', execution.getEventName())</camunda:script></camunda:executionListener>
</bpmn:extensionElements></bpmn:userTask>"#;
    api.deploy(&model(elements)).await;
    api.start("p", json!({"variables": {"i": {"value": 3}}})).await;
    let task = api.get("/task").await;
    assert_eq!(
        json!([task[0]["name"], task[0]["priority"], task[0]["assignee"]]),
        json!(["Look at create", 7, "demo"])
    );
    let expected = json!([
        ["event", "String", "start"],
        ["i", "Integer", 3],
        ["in", "Integer", 4],
        ["seen", "String", "demo"],
    ]);
    assert_eq!(variables(&api).await, expected);
}

#[tokio::test]
async fn a_large_variable_is_there_when_a_script_asks_for_it_by_a_name_it_makes() {
    let api = Api::quiet().await;
    let script = "execution.getVariable('lar' + 'ge').length + large2.length";
    api.deploy(&task("javascript", script)).await;
    let text = "x".repeat(10_000);
    let given = json!({"variables": {"large": {"value": text}, "large2": {"value": text}, "large3": {"value": text}}});
    api.start("p", given).await;
    let value = api.get("/variable-instance?variableName=r").await;
    assert_eq!(value[0]["value"], 20_000);
}

/// A decision `d` whose input, cells and conclusions are in a language; it requires another, in FEEL.
fn decision(language: &str, last: &str) -> String {
    format!(
        r##"<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="ds" name="ds" namespace="n">
<decision id="before" name="before"><variable id="v" name="before" typeRef="integer"/>
<literalExpression id="l"><text>a * 10</text></literalExpression></decision>
<decision id="d" name="d"><informationRequirement id="q"><requiredDecision href="#before"/></informationRequirement>
<decisionTable id="t" hitPolicy="COLLECT">
<input id="i"><inputExpression id="ie" typeRef="integer" expressionLanguage="{language}"><text>a + before</text></inputExpression></input>
<output id="o" name="out" typeRef="string"/>
<rule id="r1"><inputEntry id="c1" expressionLanguage="{language}"><text>cellInput == 44</text></inputEntry>
<outputEntry id="o1" expressionLanguage="{language}"><text>'it is ' + b + before</text></outputEntry></rule>
<rule id="r2"><inputEntry id="c2" expressionLanguage="{language}"><text>cellInput</text></inputEntry>
<outputEntry id="o2"><text>"only true matches"</text></outputEntry></rule>
<rule id="r3"><inputEntry id="c3"><text>&gt; 43</text></inputEntry>
<outputEntry id="o3" expressionLanguage="{language}"><text>{last}</text></outputEntry></rule>
</decisionTable></decision></definitions>"##
    )
}

#[tokio::test]
async fn cells_of_decisions_run_scripts_for_clients_and_for_processes() {
    let api = Api::quiet().await;
    let task = model(
        r#"<bpmn:businessRuleTask id="t" camunda:decisionRef="d" camunda:resultVariable="r" camunda:mapDecisionResult="collectEntries"/>
<bpmn:sequenceFlow id="f2" sourceRef="t" targetRef="u"/>"#,
    );
    let given = json!({"variables": {"a": {"value": 4}, "b": {"value": "B"}}});
    let deploy = async |decision: &str| {
        let parts = [
            ("deployment-name", None, "test"),
            ("data", Some("p.bpmn"), &*task),
            ("d", Some("d.dmn"), decision),
        ];
        let deployed = api.upload(&parts).await;
        assert_eq!(deployed.status, 200, "{}", deployed.body);
    };
    deploy(&decision("JavaScript", "a + '!'")).await;
    let evaluated = api
        .json("POST", "/decision-definition/key/d/evaluate", given.clone())
        .await;
    let out = |text: &str| json!({"out": {"type": "String", "value": text, "valueInfo": {}}});
    assert_eq!(evaluated.status, 200, "{}", evaluated.body);
    assert_eq!(evaluated.body, json!([out("it is B40"), out("4!")]));
    api.start("p", given.clone()).await;
    assert_eq!(
        variables(&api).await[2],
        json!(["r", "Object", "[\"it is B40\",\"4!\"]"])
    );

    deploy(&decision("javascript", "nope.x")).await;
    let refused = api
        .json("POST", "/process-definition/key/p/start", given.clone())
        .await;
    assert_eq!(refused.status, 500);
    assert_eq!(refused.body["type"], "DmnEvaluationException");
    let message = "DMN-01002 Unable to evaluate expression for language 'javascript': 'nope.x'";
    assert_eq!(refused.body["message"], message);

    deploy(&decision("python", "1")).await;
    let refused = api
        .json("POST", "/process-definition/key/p/start", given.clone())
        .await;
    let message = refused.body["message"].as_str().unwrap();
    assert!(
        message.ends_with(": Can't find scripting engine for 'python': scriptEngine is null"),
        "{message}"
    );
    let refused = api
        .json("POST", "/decision-definition/key/d/evaluate", given)
        .await;
    assert_eq!(refused.status, 500);
    let message = refused.body["message"].as_str().unwrap();
    assert!(
        message.ends_with(": Exception while evaluating decision with key 'null'"),
        "{message}"
    );
}
