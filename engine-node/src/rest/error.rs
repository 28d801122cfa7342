//! Engine errors as the reference answers them. What differs by operation is said where the operation is, with
//! [`wrapped`] and [`unknown`].
use crate::{app::EngineError, store::StoreError};
use bpmn_core::{
    command::Rejection,
    problem::{ParseErrors, Refusal},
};
use http::{HeaderName, HeaderValue, StatusCode};
use rest_api::ApiError;
use serde_json::{Map, Value, json};

/// The slot that a 421 is about: where the request belongs.
pub const SLOT: HeaderName = HeaderName::from_static("x-stellwerk-slot");
/// Epoch known for the slot of a 421.
pub const EPOCH: HeaderName = HeaderName::from_static("x-stellwerk-epoch");

/// An engine error as an answer, for operations without a rule of their own.
pub fn api(error: EngineError) -> ApiError {
    match error {
        EngineError::Rejected(rejection) => rejected(rejection),
        EngineError::NotFound { .. } => ApiError::not_found(error.to_string()),
        EngineError::Parse { message, problems } => parse(message, &problems),
        EngineError::Mismatch(text) => ApiError::rest(
            StatusCode::BAD_REQUEST,
            format!("org.camunda.bpm.engine.MismatchingMessageCorrelationException: {text}"),
        ),
        EngineError::KeyReused(_) => ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "IdempotencyKeyException",
            error.to_string(),
        ),
        EngineError::Misdirected { slot, epoch } => ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "MisdirectedRequestException",
            error.to_string(),
        )
        .with_header(EPOCH, HeaderValue::from(epoch))
        .with_header(SLOT, HeaderValue::from(slot.number())),
        EngineError::Busy(text) | EngineError::NotReplicated(text) => ApiError::unavailable(text),
        EngineError::Invalid { kind, message } => {
            ApiError::new(StatusCode::BAD_REQUEST, kind, message).with_code(0)
        }
        EngineError::Refused(refusal) => *refusal,
        EngineError::Store(error) => store(error),
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> ApiError {
        api(error)
    }
}

/// The class of the exception that a failure is in the reference, where it has one of its own.
fn missing(message: &str) -> Option<&'static str> {
    match message {
        text if text.starts_with("no processes deployed with key") => Some("NullValueException"),
        text if text.starts_with("no decision definition deployed with") => {
            Some("DecisionDefinitionNotFoundException")
        }
        text if text.starts_with("Unable to evaluate script") => Some("ScriptEvaluationException"),
        text if text.starts_with("Unable to compile script") => Some("ScriptCompilationException"),
        "duedate is null" => Some("NullValueException"),
        text if text.starts_with("Can't find scripting engine for ") => Some("NullValueException"),
        _ => None,
    }
}

/// The store's trouble: 503, or 500 for what is our own fault; causes go to the log only.
pub fn store(error: StoreError) -> ApiError {
    match &error {
        StoreError::Unavailable(cause) => tracing::warn!(error = %cause, "database not available"),
        StoreError::UnknownOutcome(cause) => tracing::warn!(error = %cause, "outcome of a commit unknown"),
        StoreError::Overloaded(_) => {}
        StoreError::Internal(text) => {
            tracing::error!(error = %text, "store failed");
            return ApiError::internal("internal error; its cause is in the log of the node");
        }
    }
    ApiError::unavailable(error.to_string())
}

fn rejected(rejection: Rejection) -> ApiError {
    match rejection {
        Rejection::NotFound { .. } => ApiError::not_found(rejection.to_string()),
        Rejection::WrongWorker { .. } | Rejection::LockExpired(_) => {
            ApiError::rest(StatusCode::BAD_REQUEST, rejection.to_string())
        }
        Rejection::Suspended(text) => ApiError::bad_user_request("SuspendedEntityInteractionException", text),
        Rejection::NotValid(text) => ApiError::bad_user_request("NotValidException", text),
        Rejection::BadRequest(text) => ApiError::bad_user_request("BadUserRequestException", text),
        Rejection::Failure { message, .. } if is_cast(&message) => cast(message),
        Rejection::Failure { message, .. } if of_library(&message).is_some() => foreign(message),
        Rejection::Failure { message, .. } => match missing(&message) {
            Some(kind) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, kind, message).with_code(0),
            None => ApiError::engine(message),
        },
        Rejection::NeedsValues(_) | Rejection::NeedsInstances(_) | Rejection::Asks(..) => {
            ApiError::unavailable(rejection.to_string())
        }
    }
}

/// Whether a failure is Java's `ClassCastException`, which the reference passes on as it is.
fn is_cast(message: &str) -> bool {
    let between_classes = message.starts_with("class ") && message.contains(" cannot be cast to class ");
    between_classes || (message.starts_with("Cannot cast '") && message.contains("' to "))
}

/// The Java exception of a failed decision, number or connector, which isn't one of the engine's and passes on as it is.
fn of_library(message: &str) -> Option<&'static str> {
    let kinds = [
        // What the reference's database refuses.
        (
            "An exception occurred in the persistence layer",
            "ProcessEnginePersistenceException",
        ),
        // A loop's number that is none.
        ("For input string: ", "NumberFormatException"),
        // An output parameter of what ends the process.
        ("Cannot invoke \"", "NullPointerException"),
        // A priority of a start timer that only an instance could give.
        ("UTILS-02001", "IllegalArgumentException"),
        ("FEEL/SCALA-", "FeelException"),
        ("DMN-03", "DmnHitPolicyException"),
        ("DMN-01002", "DmnEvaluationException"),
        ("DMN-01003", "DmnEvaluationException"),
        ("DMN-01", "DmnEngineException"),
        // An output that isn't of the type that the model gives it.
        ("Unsupported type: '", "DmnEngineException"),
        ("HTCL-", "ConnectorRequestException"),
        ("No connector found for connector id", "ConnectorException"),
    ];
    kinds
        .iter()
        .find(|(start, _)| message.starts_with(start))
        .map(|(_, kind)| *kind)
}

fn foreign(message: String) -> ApiError {
    let kind = of_library(&message).unwrap_or("DmnEngineException");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, kind, message)
}

fn cast(message: String) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "ClassCastException", message)
}

fn parse(message: String, problems: &[(String, ParseErrors)]) -> ApiError {
    if problems.iter().any(|(_, p)| p.refusal != Refusal::Problems) {
        return ApiError::engine(message);
    }
    let one = |p: &bpmn_core::problem::Problem| {
        // The reference spells this member with a Cyrillic first letter.
        json!({"message": p.message, "line": p.line, "column": p.column, "mainElementId": p.main_element,
               "\u{435}lementIds": p.element_ids})
    };
    let details: Map<String, Value> = problems
        .iter()
        .map(|(resource, p)| {
            let errors: Vec<Value> = p.errors().map(one).collect();
            let warnings: Vec<Value> = p.warnings().map(one).collect();
            (resource.clone(), json!({"errors": errors, "warnings": warnings}))
        })
        .collect();
    ApiError::new(StatusCode::BAD_REQUEST, "ParseException", message)
        .with_code(0)
        .with("details", details)
}

/// For operations where the reference puts any engine exception into a RestException of that status, behind a
/// prefix that names the command.
pub fn wrapped(prefix: impl Into<String>, status: StatusCode) -> impl Fn(EngineError) -> ApiError {
    let prefix = prefix.into();
    move |error| match error {
        EngineError::Rejected(Rejection::BadRequest(text)) => {
            ApiError::rest(StatusCode::BAD_REQUEST, format!("{prefix}: {text}"))
        }
        EngineError::Rejected(Rejection::Failure { message, .. }) if is_cast(&message) => cast(message),
        EngineError::Rejected(Rejection::Failure { message, .. }) if of_library(&message).is_some() => {
            foreign(message)
        }
        EngineError::Rejected(rejection) => ApiError::rest(status, format!("{prefix}: {rejection}")),
        other => api(other),
    }
}

/// The answer for an unknown entity, where `missing` says what the reference answers there; all else as `other`.
pub fn unknown(
    missing: impl Fn() -> ApiError,
    other: impl Fn(EngineError) -> ApiError,
) -> impl Fn(EngineError) -> ApiError {
    move |error| match error {
        EngineError::NotFound { .. } | EngineError::Rejected(Rejection::NotFound { .. }) => missing(),
        error => other(error),
    }
}
