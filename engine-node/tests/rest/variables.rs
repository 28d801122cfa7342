//! Variables of instances, executions and tasks.
use crate::api::{Api, MANY, error, only_id};
use serde_json::json;

async fn instance() -> (Api, String) {
    let api = Api::quiet().await;
    api.deploy(MANY).await;
    let id = api
        .start("Many", json!({"variables": {"s": {"value": "x"}}}))
        .await;
    (api, id)
}

#[tokio::test]
async fn every_type_comes_back_as_the_reference_writes_it() {
    let (api, id) = instance().await;
    let path = format!("/process-instance/{id}/variables");
    let object = json!({"objectTypeName": "java.util.ArrayList<java.lang.Integer>", "serializationDataFormat": "application/json"});
    let file = json!({"encoding": "UTF-8", "filename": "a.txt", "mimeType": "text/plain"});
    let modifications = json!({
        "l": {"value": 1_152_921_504_606_846_976_i64}, "sh": {"value": 5, "type": "Short"}, "n": {"value": null},
        "dt": {"value": "2026-01-02T03:04:05.678+0000", "type": "Date"}, "x": {"value": "<a/>", "type": "Xml"},
        "j": {"value": "{\"a\":1}", "type": "Json"}, "by": {"value": "YWJj", "type": "Bytes"},
        "f": {"value": "YWJj", "type": "File", "valueInfo": file}, "o": {"value": "[1]", "type": "Object", "valueInfo": object},
    });
    api.done(
        "POST",
        &path,
        json!({"modifications": modifications, "deletions": ["s", "nope"]}),
    )
    .await;
    let stored = json!({
        "by": {"type": "Bytes", "value": "YWJj", "valueInfo": {}},
        "dt": {"type": "Date", "value": "2026-01-02T03:04:05.678+0000", "valueInfo": {}},
        "f": {"type": "File", "value": null, "valueInfo": file},
        "j": {"type": "Json", "value": "{\"a\":1}", "valueInfo": {}},
        "l": {"type": "Long", "value": 1_152_921_504_606_846_976_i64, "valueInfo": {}},
        "n": {"type": "Null", "value": null, "valueInfo": {}},
        "o": {"type": "Object", "value": "[1]", "valueInfo": object},
        "sh": {"type": "Short", "value": 5, "valueInfo": {}},
        "x": {"type": "Xml", "value": "<a/>", "valueInfo": {}},
    });
    assert_eq!(api.get(&format!("{path}?deserializeValues=false")).await, stored);
    assert_eq!(api.get(&format!("{path}/o")).await["value"], json!([1]));
    assert_eq!(
        api.get(&format!("{path}/o?deserializeValue=false")).await["value"],
        "[1]"
    );
    let data = api.call("GET", &format!("{path}/f/data")).await;
    assert_eq!(
        (data.status, &data.headers["content-type"]),
        (200, &http::HeaderValue::from_static("text/plain;charset=UTF-8"))
    );
    assert_eq!(data.body, "abc");
    let not_binary = api.call("GET", &format!("{path}/x/data")).await;
    let message = format!("Value of variable with id {id} is not a binary value.");
    assert_eq!(
        (not_binary.status, not_binary.body),
        (400, error("InvalidRequestException", &message, None))
    );
}

#[tokio::test]
async fn a_variable_is_put_read_and_deleted() {
    let (api, id) = instance().await;
    let path = format!("/process-instance/{id}/variables/v");
    api.done("PUT", &path, json!({"value": 7})).await;
    assert_eq!(
        api.get(&path).await,
        json!({"type": "Integer", "value": 7, "valueInfo": {}})
    );
    api.done("PUT", &path, json!({})).await;
    assert_eq!(
        api.get(&path).await,
        json!({"type": "Null", "value": null, "valueInfo": {}})
    );
    let bad = api.json("PUT", &path, json!({"value": "x", "type": "Foo"})).await;
    let message = "Cannot put process instance variable v: Unsupported value type 'Foo'";
    assert_eq!(
        (bad.status, bad.body),
        (400, error("InvalidRequestException", message, None))
    );
    for _ in 0..2 {
        assert_eq!(api.call("DELETE", &path).await.status, 204);
    }
    let gone = api.call("GET", &path).await;
    let message = "process instance variable with name v does not exist";
    assert_eq!(
        (gone.status, gone.body),
        (404, error("InvalidRequestException", message, None))
    );
}

#[tokio::test]
async fn a_task_s_variables_hide_the_instance_s_without_changing_them() {
    let (api, id) = instance().await;
    let task = only_id(&api.get(&format!("/task?processInstanceId={id}")).await);
    api.done(
        "PUT",
        &format!("/task/{task}/localVariables/s"),
        json!({"value": "local"}),
    )
    .await;
    let value = async |path: String| api.get(&path).await["value"].clone();
    assert_eq!(value(format!("/task/{task}/localVariables/s")).await, "local");
    assert_eq!(value(format!("/task/{task}/variables/s")).await, "local");
    assert_eq!(value(format!("/process-instance/{id}/variables/s")).await, "x");
    assert_eq!(value(format!("/execution/{id}/localVariables/s")).await, "x");
    api.done(
        "PUT",
        &format!("/task/{task}/variables/outer"),
        json!({"value": 1}),
    )
    .await;
    assert_eq!(value(format!("/process-instance/{id}/variables/outer")).await, 1);
    assert_eq!(
        api.call("DELETE", &format!("/task/{task}/localVariables/s"))
            .await
            .status,
        204
    );
    assert_eq!(value(format!("/task/{task}/variables/s")).await, "x");
}

#[tokio::test]
async fn variable_instances_tell_where_they_belong() {
    let (api, id) = instance().await;
    let rows = api
        .call(
            "GET",
            &format!("/variable-instance?processInstanceIdIn={id}&variableName=s"),
        )
        .await;
    let expected = json!([{
        "type": "String", "value": "x", "valueInfo": {}, "id": "ID", "name": "s", "processDefinitionId": "Many:1:ID",
        "processInstanceId": "ID", "executionId": "ID", "caseInstanceId": null, "caseExecutionId": null,
        "taskId": null, "batchId": null, "activityInstanceId": "ID", "errorMessage": null, "tenantId": null,
    }]);
    assert_eq!(rows.masked(), (200, expected.clone()));
    let one = api
        .call("GET", &format!("/variable-instance/{}", only_id(&rows.body)))
        .await;
    assert_eq!(one.masked(), (200, expected[0].clone()));
    assert_eq!(
        api.get("/variable-instance/count?variableValues=s_eq_x").await,
        json!({"count": 1})
    );
    assert_eq!(
        api.get("/variable-instance/count?variableValues=s_eq_y").await,
        json!({"count": 0})
    );
}
