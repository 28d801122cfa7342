//! Users and rights where the recorded conversations can't go: who asks, and time.
use crate::api::{Api, MANY, Reply, error};
use axum::body::Body;
use engine_node::rest::caller::User;
use http::Request;
use serde_json::{Value, json};

async fn with_anna() -> Api {
    let api = Api::quiet().await;
    let anna = json!({"profile": {"id": "anna"}, "credentials": {"password": "secret"}});
    api.done("POST", "/user/create", anna).await;
    api
}

async fn is_right(api: &Api, password: &str) -> bool {
    let body = json!({"username": "anna", "password": password});
    let reply = api.json("POST", "/identity/verify", body).await;
    assert_eq!(
        (reply.status, &reply.body["authenticatedUser"]),
        (200, &json!("anna"))
    );
    reply.body["authenticated"] == true
}

/// A call that `anna` makes.
async fn as_anna(api: &Api, method: &str, path: &str, body: Value) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    request.extensions_mut().insert(User("anna".into()));
    api.send(request).await
}

#[tokio::test]
async fn s1_02_after_a_failed_login_a_user_waits_until_it_is_unlocked() {
    let api = with_anna().await;
    assert!(is_right(&api, "secret").await);
    assert!(!is_right(&api, "guess").await);
    // Recorded on the reference: the right password isn't looked at for three seconds.
    assert!(!is_right(&api, "secret").await);
    let changed = json!({"password": "other"});
    api.done("PUT", "/user/anna/credentials", changed).await;
    assert!(!is_right(&api, "other").await);
    api.done("POST", "/user/anna/unlock", json!({})).await;
    assert!(is_right(&api, "other").await);
    assert!(!is_right(&api, "secret").await);
}

#[tokio::test]
async fn s1_02_a_password_is_changed_with_the_caller_s_own() {
    let api = with_anna().await;
    let change = async |body: Value| as_anna(&api, "PUT", "/user/anna/credentials", body).await;
    let refused = change(json!({"password": "other"})).await;
    let text = "The given authenticated user password is not valid.";
    assert_eq!(
        (refused.status, refused.body),
        (400, error("InvalidRequestException", text, None))
    );
    let right = json!({"password": "other", "authenticatedUserPassword": "secret"});
    assert_eq!(change(right).await.status, 204);
    assert!(is_right(&api, "other").await);
    let wrong = json!({"password": "third", "authenticatedUserPassword": "secret"});
    assert_eq!(change(wrong).await.status, 400);
    api.done("POST", "/user/anna/unlock", json!({})).await;
    assert!(is_right(&api, "other").await);
}

#[tokio::test]
async fn whoever_is_not_authenticated_is_not_told_what_he_may_do() {
    let api = with_anna().await;
    let path = "/authorization/check?permissionName=UPDATE&resourceName=Task&resourceType=7&resourceId=x";
    let reply = as_anna(&api, "GET", path, json!({})).await;
    let text = "You must be authenticated in order to use this resource.";
    assert_eq!((reply.status, &reply.body["message"]), (401, &json!(text)));
}

#[tokio::test]
async fn there_is_no_password_policy_and_a_page_says_so() {
    let api = Api::quiet().await;
    for reply in [
        api.call("GET", "/identity/password-policy").await,
        api.json("POST", "/identity/password-policy", json!({"password": "x"}))
            .await,
    ] {
        assert_eq!(reply.status, 404);
        assert_eq!(reply.headers["content-type"], "text/html;charset=utf-8");
        assert!(reply.body.as_str().unwrap().starts_with("<!doctype html>"));
    }
}

#[tokio::test]
async fn a_user_created_by_two_at_once_is_one() {
    let api = Api::quiet().await;
    let user = || json!({"profile": {"id": "anna"}, "credentials": {"password": "secret"}});
    let (a, b) = tokio::join!(
        api.json("POST", "/user/create", user()),
        api.json("POST", "/user/create", user())
    );
    let mut answers = [a.status, b.status];
    answers.sort();
    assert_eq!(answers, [204, 400]);
}

#[tokio::test]
async fn what_is_deployed_stays_as_it_is_when_users_change() {
    let api = Api::quiet().await;
    let first = api.deploy(MANY).await;
    api.done("POST", "/group/create", json!({"id": "clerks"})).await;
    let latest = async || api.get("/process-definition/key/Many").await["id"].clone();
    assert_eq!(latest().await, json!(first));
    api.start("Many", json!({})).await;
    let second = api.deploy(&MANY.replace("Many waits", "Other")).await;
    assert_eq!(latest().await, json!(second));
    api.done("DELETE", "/group/clerks", json!({})).await;
    assert_eq!(latest().await, json!(second));
    assert_ne!(first, second);
}
