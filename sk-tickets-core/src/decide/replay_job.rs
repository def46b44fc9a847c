use std::time::Duration;

use super::{Context, Rejection};
use crate::{
    model::{
        endpoint::EndpointStatus,
        replay_job::{JobStatus, ReplayDeadLetters, ReplayJob},
    },
    store::Loaded,
};

/// Decides to replay many dead letters: the job that will do it.
///
/// # Errors
/// [`Rejection`]: the command is not lawful as things stand.
pub fn decide_replay(known: &Loaded, command: &ReplayDeadLetters, cx: &Context<'_>) -> Result<ReplayJob, Rejection> {
    let ReplayDeadLetters { endpoint_id, types, from, to } = command;
    if endpoint_id.is_some() {
        let endpoint = known.endpoint.as_ref().ok_or(Rejection::NotFound)?;
        if endpoint.status == EndpointStatus::Disabled {
            return Err(Rejection::EndpointDisabled);
        }
    }
    // What happens from now on is not meant.
    let end = cx.now + Duration::from_millis(1);
    let (status, finished_at) =
        if known.dead_letters == 0 { (JobStatus::Completed, Some(cx.now)) } else { (JobStatus::Pending, None) };
    Ok(ReplayJob {
        id: cx.ids.generate(cx.now),
        status,
        endpoint_id: *endpoint_id,
        types: types.as_deref().map(<[_]>::to_vec).unwrap_or_default(),
        from: *from,
        to: Some(to.map_or(end, |to| to.min(end))),
        total: known.dead_letters,
        done: 0,
        failed: 0,
        created_at: cx.now,
        finished_at,
    })
}
