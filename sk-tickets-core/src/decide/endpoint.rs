use super::{
    Context, EndpointCommand, Rejection,
    event_detail::{Ping, freeze},
};
use crate::{
    limits::{ENDPOINTS_MAX, OLD_SECRETS_MAX},
    model::endpoint::{
        CreateEndpoint, DisabledReason, Endpoint, EndpointStatus, EventFilter, OldSecret, RotateSecret, UpdateEndpoint,
    },
    platform::{input::Patch, seal::Sealed, text::Text, webhook::WebhookSecret},
    store::{Effect, EndpointChange, Loaded},
};

/// Decides a command about a webhook endpoint: what it changes, and the endpoint as it is afterwards.
///
/// # Errors
/// [`Rejection`]: the command is not lawful as things stand.
pub fn decide_endpoint(
    known: &Loaded,
    command: &EndpointCommand,
    cx: &Context<'_>,
) -> Result<(Effect, Endpoint), Rejection> {
    let existing = || known.endpoint.as_ref().ok_or(Rejection::NotFound);
    match command {
        EndpointCommand::Create(create) => {
            let endpoint = make(known, create, cx)?;
            Ok((changes(EndpointChange::Create(endpoint.clone())), endpoint))
        }
        EndpointCommand::Update(_, update) => {
            let before = existing()?;
            Ok(replace(before, change(before, update, cx)?))
        }
        EndpointCommand::Enable(_) => {
            let before = existing()?;
            let after = Endpoint {
                status: EndpointStatus::Enabled,
                disabled_reason: None,
                failing_since: if before.status == EndpointStatus::Enabled { before.failing_since } else { None },
                ..before.clone()
            };
            Ok(replace(before, after))
        }
        EndpointCommand::Disable(_) => {
            let before = existing()?;
            let disabled_reason = before.disabled_reason.or(Some(DisabledReason::Manual));
            Ok(replace(before, Endpoint { status: EndpointStatus::Disabled, disabled_reason, ..before.clone() }))
        }
        EndpointCommand::Delete(id) => {
            let before = existing()?;
            Ok((changes(EndpointChange::Delete(*id)), before.clone()))
        }
        EndpointCommand::RotateSecret(_, rotate) => {
            let before = existing()?;
            Ok(replace(before, with_new_secret(before, rotate, cx)))
        }
        EndpointCommand::Ping(id) => {
            let before = existing()?;
            if before.status == EndpointStatus::Disabled {
                return Err(Rejection::EndpointDisabled);
            }
            let event = freeze(cx.ids.generate(cx.now), cx.realm.environment(), cx.now, None, &Ping {}.into());
            Ok((changes(EndpointChange::Ping(*id, event)), before.clone()))
        }
    }
}

fn make(known: &Loaded, command: &CreateEndpoint, cx: &Context<'_>) -> Result<Endpoint, Rejection> {
    let CreateEndpoint { url, events, description } = command;
    let url = cx.targets.judge(url.as_str(), cx.realm.environment()).map_err(Rejection::target)?;
    if known.endpoint_count >= ENDPOINTS_MAX {
        return Err(Rejection::EndpointLimit);
    }
    Ok(Endpoint {
        id: cx.ids.generate(cx.now),
        url: url.into(),
        description: description.as_ref().map(Text::to_string),
        events: events.as_ref().map_or_else(|| vec![EventFilter::All], |events| events.to_vec()),
        status: EndpointStatus::Enabled,
        disabled_reason: None,
        failing_since: None,
        created_at: cx.now,
        secret: new_secret(cx),
        old_secrets: Vec::new(),
    })
}

fn new_secret(cx: &Context<'_>) -> Sealed {
    cx.keyring.seal(WebhookSecret::generate(cx.entropy).as_bytes(), cx.realm, cx.entropy)
}

/// The secrets that have not run out go on signing, also after several replacements in a row. Of more than may be, the
/// oldest gives way before its time.
fn with_new_secret(before: &Endpoint, command: &RotateSecret, cx: &Context<'_>) -> Endpoint {
    let replaced = OldSecret { secret: before.secret.clone(), until: cx.now + command.overlap() };
    let old_secrets = std::iter::once(replaced)
        .chain(before.old_secrets.iter().cloned())
        .filter(|old| old.until > cx.now)
        .take(OLD_SECRETS_MAX)
        .collect();
    Endpoint { secret: new_secret(cx), old_secrets, ..before.clone() }
}

fn change(before: &Endpoint, command: &UpdateEndpoint, cx: &Context<'_>) -> Result<Endpoint, Rejection> {
    let UpdateEndpoint { url, events, description } = command;
    let mut after = before.clone();
    if let Some(url) = &url.0 {
        after.url = cx.targets.judge(url.as_str(), cx.realm.environment()).map_err(Rejection::target)?.into();
    }
    if let Some(events) = &events.0 {
        after.events = events.to_vec();
    }
    match description {
        Patch::Keep => {}
        Patch::Clear => after.description = None,
        Patch::Set(description) => after.description = Some(description.to_string()),
    }
    Ok(after)
}

fn replace(before: &Endpoint, after: Endpoint) -> (Effect, Endpoint) {
    let effect = if *before == after {
        Effect::None
    } else {
        changes(EndpointChange::Update { before: before.clone(), after: after.clone() })
    };
    (effect, after)
}

fn changes(change: EndpointChange) -> Effect {
    Effect::Endpoint(Box::new(change))
}
