//! Branches that append to one list.
use crate::api::{Api, only_id};
use serde_json::json;

const BRANCHES: usize = 500;
const MODEL: &str = r##"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
  <process id="Append" isExecutable="true" camunda:historyTimeToLive="5">
    <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="append"/>
    <serviceTask id="append" camunda:expression="${execution.setVariable('list', list.append(loopCounter))}">
      <multiInstanceLoopCharacteristics camunda:asyncBefore="true" camunda:exclusive="false">
        <loopCardinality>500</loopCardinality>
      </multiInstanceLoopCharacteristics>
    </serviceTask>
    <sequenceFlow id="f2" sourceRef="append" targetRef="check"/><userTask id="check"/>
  </process></definitions>"##;

/// No branch meets another's change as a conflict: each appends once, and the list ends complete.
#[tokio::test]
async fn s3_50_branches_that_append_to_one_list_lose_nothing_and_repeat_nothing() {
    let api = Api::running().await;
    api.deploy(MODEL).await;
    let list = json!({"list": {"value": "[]", "type": "Json"}});
    let id = api.start("Append", json!({"variables": list})).await;
    api.until("/task/count", |body| body["count"] == 1).await;
    let list = api
        .get(&format!(
            "/process-instance/{id}/variables/list?deserializeValue=false"
        ))
        .await;
    let mut numbers: Vec<usize> = serde_json::from_str(list["value"].as_str().unwrap()).unwrap();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..BRANCHES).collect::<Vec<_>>());
    let counted = async |path: &str| api.get(path).await["count"].as_u64().unwrap();
    assert_eq!(
        counted("/history/job-log/count?successLog=true").await,
        BRANCHES as u64
    );
    assert_eq!(counted("/history/job-log/count?failureLog=true").await, 0);
    assert_eq!(counted("/incident/count").await, 0);
    // One detail a value: nothing was written by a try that was given up.
    let variable = only_id(&api.get("/variable-instance?variableName=list").await);
    let details = format!("/history/detail/count?variableInstanceId={variable}");
    assert_eq!(counted(&details).await, BRANCHES as u64 + 1);
}
