//! Which of the forms that an operation offers a client takes.
use super::call::Call;
use rest_api::accept::likes_hal;

/// Whether a request is to be answered with HAL, where that is offered.
pub fn hal(call: &Call) -> bool {
    call.accept.as_deref().is_some_and(likes_hal)
}
