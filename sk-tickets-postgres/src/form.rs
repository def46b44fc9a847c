//! Forms: as commits change them, and as they are found.

use serde_json::{Value, json};
use sk_tickets_core::{
    model::{form::Form, id::FormId},
    store::{FormChange, PageSpec},
};

use crate::{
    list,
    realms::RealmNumber,
    row::form_columns,
    statement::{Query, in_realm, uuid},
};

/// A change of a form, by its columns.
pub(crate) fn change(change: &FormChange) -> Value {
    match change {
        FormChange::Create { form, others } => {
            json!({ "kind": "form", "action": "create", "after": columns(form), "others": others })
        }
        FormChange::Update { before, after } => {
            json!({ "kind": "form", "action": "update", "before": columns(before), "after": columns(after) })
        }
    }
}

fn columns(form: &Form) -> Value {
    let Form { id, name, topics, allowed_origins, locale, theme, created_at } = form;
    json!({
        "id": uuid(*id).to_string(),
        "name": name,
        "topics": topics,
        "allowed_origins": allowed_origins,
        "locale": locale.as_str(),
        "theme": theme,
        "created_at": created_at.as_millis(),
    })
}

/// The form `$3`.
pub(crate) const FORM: &str = in_realm!(
    "SELECT form.* FROM realm CROSS JOIN LATERAL (SELECT ",
    form_columns!(),
    " FROM sk_tickets.forms
     WHERE tenant = realm.tenant AND environment = realm.environment AND id = $3 OFFSET 0) AS form"
);

/// A page of forms.
pub(crate) fn page(realm: RealmNumber, page: PageSpec<FormId>) -> Query {
    list::by_id(Query::on(realm), form_columns!(), "forms", String::new(), page)
}

/// The form `$1`, of whatever realm, after the realm.
pub(crate) const PUBLIC: &str =
    concat!("SELECT tenant, tenant_name, environment, ", form_columns!(), " FROM sk_tickets.public_form($1)");
