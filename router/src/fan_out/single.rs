//! One shard at most has the answer: `singleResult` of filters, the clean-up job.
use super::{Question, Stop, gather, hal};
use crate::{
    admit::Admitted,
    respond::{self, Answer},
    state::App,
};
use http::StatusCode;
use rest_api::{ApiError, accept::likes_hal, operations::Merge};
use topology::ShardName;

/// Asks all shards; gives the one match, or the first answer where any will do.
///
/// # Errors
/// The answer to give instead; the reference's 400 for more than one match.
pub async fn answer(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let question = Question {
        request,
        out: request.out.clone(),
        only,
        reads: true,
    };
    let gathered = gather(app, &question).await?;
    let mut found = gathered
        .parts
        .into_iter()
        .filter(|part| part.status == StatusCode::OK);
    let mut answer = match (found.next(), found.next()) {
        (None, _) if request.call.operation.merge == Merge::Single && likes_hal(request.accept()) => {
            hal::none()
        }
        (None, _) => respond::no_content(),
        (Some(_), Some(_)) if request.call.operation.merge == Merge::Single => {
            return Err(
                ApiError::invalid_request("Filter does not returns a valid single result")
                    .with_code(0)
                    .into(),
            );
        }
        (Some(part), _) => respond::relay_part(part),
    };
    respond::mark_missing(&mut answer, &gathered.missing);
    Ok(answer)
}
