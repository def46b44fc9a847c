use super::{Context, FormCommand, Rejection};
use crate::{
    limits::FORMS_MAX,
    model::form::{CreateForm, Form, FormTopic, Locale, NewFormTopic, Theme, UpdateForm},
    platform::{input::Patch, origin::Origin, text::Text},
    store::{Effect, FormChange, Loaded},
};

/// Decides a command about a form: what it changes, and the form as it is afterwards.
///
/// # Errors
/// [`Rejection`]: the command is not lawful as things stand.
pub fn decide_form(known: &Loaded, command: &FormCommand, cx: &Context<'_>) -> Result<(Effect, Form), Rejection> {
    match command {
        FormCommand::Create(create) => {
            if known.form_count >= FORMS_MAX {
                return Err(Rejection::FormLimit);
            }
            let form = make(create, cx);
            let change = FormChange::Create { form: form.clone(), others: known.form_count };
            Ok((Effect::Form(Box::new(change)), form))
        }
        FormCommand::Update(_, update) => {
            let before = known.form.as_ref().ok_or(Rejection::NotFound)?;
            let after = patched(before, update);
            if *before == after {
                return Ok((Effect::None, after));
            }
            let change = FormChange::Update { before: before.clone(), after: after.clone() };
            Ok((Effect::Form(Box::new(change)), after))
        }
    }
}

fn make(command: &CreateForm, cx: &Context<'_>) -> Form {
    let CreateForm { name, topics, allowed_origins, locale, theme } = command;
    Form {
        id: cx.ids.generate(cx.now),
        name: name.to_string(),
        topics: offered(topics),
        allowed_origins: distinct(allowed_origins),
        locale: locale.unwrap_or(Locale::En),
        theme: theme.as_ref().map_or_else(Theme::default, |patch| patch.apply(Theme::default())),
        created_at: cx.now,
    }
}

fn patched(before: &Form, command: &UpdateForm) -> Form {
    let UpdateForm { name, topics, allowed_origins, locale, theme } = command;
    Form {
        id: before.id,
        name: name.0.as_ref().map_or_else(|| before.name.clone(), Text::to_string),
        topics: match topics {
            Patch::Keep => before.topics.clone(),
            Patch::Clear => Vec::new(),
            Patch::Set(topics) => offered(topics),
        },
        allowed_origins: match allowed_origins {
            Patch::Keep => before.allowed_origins.clone(),
            Patch::Clear => Vec::new(),
            Patch::Set(origins) => distinct(origins),
        },
        locale: locale.0.unwrap_or(before.locale),
        theme: match theme {
            Patch::Keep => before.theme,
            Patch::Clear => Theme::default(),
            Patch::Set(patch) => patch.apply(before.theme),
        },
        created_at: before.created_at,
    }
}

fn offered(topics: &[NewFormTopic]) -> Vec<FormTopic> {
    let kept =
        |NewFormTopic { key, label }: &NewFormTopic| FormTopic { key: key.to_string(), label: label.to_string() };
    topics.iter().map(kept).collect()
}

/// Each origin once, in the order given: two may have been written differently.
fn distinct(origins: &[Origin]) -> Vec<Origin> {
    let mut distinct = Vec::with_capacity(origins.len());
    for origin in origins {
        if !distinct.contains(origin) {
            distinct.push(origin.clone());
        }
    }
    distinct
}
