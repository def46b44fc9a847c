use super::{ContactCommand, Context, Rejection};
use crate::{
    model::{
        contact::{Contact, CreateContact, Email, Phone, UpdateContact},
        id::ContactId,
    },
    platform::{input::Patch, text::Text},
    store::{ContactChange, Effect, Loaded},
};

/// Decides a command about a contact: what it changes, and the contact as it is afterwards.
///
/// # Errors
/// [`Rejection`]: the command is not lawful as things stand.
pub fn decide_contact(
    known: &Loaded,
    command: &ContactCommand,
    cx: &Context<'_>,
) -> Result<(Effect, Contact), Rejection> {
    match command {
        ContactCommand::Create(create) => match &known.contact {
            Some(before) => replace(known, before, with(before, create)),
            None => {
                let contact = make(create, cx);
                accept(known, None, &contact)?;
                Ok((changes(ContactChange::Create(contact.clone())), contact))
            }
        },
        ContactCommand::Update(_, update) => {
            let before = known.contact.as_ref().ok_or(Rejection::NotFound)?;
            replace(known, before, patched(before, update))
        }
    }
}

fn make(command: &CreateContact, cx: &Context<'_>) -> Contact {
    let CreateContact { id, name, email, phone } = command;
    Contact {
        id: id.unwrap_or_else(|| cx.ids.generate(cx.now)),
        name: name.as_ref().map(Text::to_string),
        email: email.as_ref().map(Email::to_string),
        phone: phone.as_ref().map(Phone::to_string),
        created_at: cx.now,
    }
}

/// What is named is set, the rest stays.
fn with(before: &Contact, command: &CreateContact) -> Contact {
    let CreateContact { id: _, name, email, phone } = command;
    let Contact { id, created_at, .. } = *before;
    Contact {
        id,
        name: name.as_ref().map(Text::to_string).or_else(|| before.name.clone()),
        email: email.as_ref().map(Email::to_string).or_else(|| before.email.clone()),
        phone: phone.as_ref().map(Phone::to_string).or_else(|| before.phone.clone()),
        created_at,
    }
}

fn patched(before: &Contact, command: &UpdateContact) -> Contact {
    fn one<T: ToString>(patch: &Patch<T>, before: Option<&String>) -> Option<String> {
        match patch {
            Patch::Keep => before.cloned(),
            Patch::Clear => None,
            Patch::Set(value) => Some(value.to_string()),
        }
    }
    let UpdateContact { name, email, phone } = command;
    Contact {
        id: before.id,
        name: one(name, before.name.as_ref()),
        email: one(email, before.email.as_ref()),
        phone: one(phone, before.phone.as_ref()),
        created_at: before.created_at,
    }
}

fn replace(known: &Loaded, before: &Contact, after: Contact) -> Result<(Effect, Contact), Rejection> {
    if *before == after {
        return Ok((Effect::None, after));
    }
    accept(known, Some(before), &after)?;
    let change = ContactChange::Update { before: before.clone(), after: after.clone() };
    Ok((changes(change), after))
}

/// Nobody else may be found by what this one is to be found by.
fn accept(known: &Loaded, before: Option<&Contact>, after: &Contact) -> Result<(), Rejection> {
    let unchanged = |of: fn(&Contact) -> &Option<String>| before.is_some_and(|before| of(before) == of(after));
    let holder = match (&after.email, &after.phone) {
        (Some(_), _) if unchanged(|contact| &contact.email) => None,
        (Some(_), _) => known.email_holder,
        (None, Some(_)) => known.phone_holder,
        (None, None) => None,
    };
    let taken_by = |holder: ContactId| if holder == after.id { None } else { Some(holder) };
    holder.and_then(taken_by).map_or(Ok(()), |holder| Err(Rejection::ContactExists(holder)))
}

fn changes(change: ContactChange) -> Effect {
    Effect::Contact(Box::new(change))
}
