//! Statements that enter a realm by themselves.
//!
//! Row-level security compares each row with settings that last for a transaction. A read sets them in the statement that
//! reads: [`in_realm!`] puts a materialised row in front, whose making sets them, and every table is read in a `LATERAL`
//! subquery that depends on that row and has an `OFFSET` or `LIMIT`, so that it cannot be merged into the whole. Such a
//! subquery can only be run once the row is there: the order does not hang on what the planner likes. The statement is a
//! transaction of its own, and the settings end with it.

use sk_tickets_core::platform::id::{Id, IdKind};
use sqlx::{AssertSqlSafe, Postgres, postgres::PgArguments, query::Query as Bound};
use uuid::Uuid;

use crate::{columns::number_of, realms::RealmNumber};

/// A statement on a realm, which is bound to `$1` and `$2` and known as `realm`.
macro_rules! in_realm {
    ($($sql:expr),+ $(,)?) => {
        concat!(
            "WITH realm AS MATERIALIZED (
                 SELECT set_config('sk_tickets.tenant', $1::bigint::text, true)::bigint AS tenant,
                        set_config('sk_tickets.environment', $2::smallint::text, true)::smallint AS environment
             ) ",
            $($sql),+
        )
    };
}
pub(crate) use in_realm;

/// A row for each of those that ask, as [`for_each`] binds what they ask for: its columns, and its `number`.
///
/// The arrays are subqueries, so that the planner does not look how long they are: it would find a plan for just one row so
/// much better than one for any number that it made it anew each time, which takes longer than to carry it out.
macro_rules! asked {
    ($arrays:literal, $columns:literal) => {
        concat!(" CROSS JOIN unnest(", $arrays, ") WITH ORDINALITY AS asked (", $columns, ", number)")
    };
}
pub(crate) use asked;

/// A value to bind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(i64),
    Numbers(Vec<i64>),
    Small(i16),
    Text(String),
    Id(Uuid),
    /// Null, where an id would be.
    NoId,
    Texts(Vec<String>),
    Ids(Vec<Option<Uuid>>),
}

/// A statement and what is bound to it.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

impl Query {
    /// A query on a realm, whose text is yet to come.
    pub(crate) fn on(realm: RealmNumber) -> Self {
        let RealmNumber { tenant, environment } = realm;
        Self { sql: String::new(), values: vec![Value::Number(tenant), Value::Small(number_of(environment))] }
    }

    /// Binds a value; answers the parameter that stands for it.
    pub(crate) fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    pub(crate) fn binds_more_than_the_realm(&self) -> bool {
        self.values.len() > 2
    }

    /// Ready to be run. The text is made of fragments that are written in this crate; what callers give is bound.
    pub(crate) fn bound(self) -> Bound<'static, Postgres, PgArguments> {
        let Self { sql, values } = self;
        values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, value| match value {
            Value::Number(number) => query.bind(number),
            Value::Numbers(numbers) => query.bind(numbers),
            Value::Small(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
            Value::Id(id) => query.bind(id),
            Value::NoId => query.bind(None::<Uuid>),
            Value::Texts(texts) => query.bind(texts),
            Value::Ids(ids) => query.bind(ids),
        })
    }
}

/// A statement for all that ask: each asks with as many values, of which `$3` has all the first ones as an array, `$4` all the
/// second ones, and so on. They are texts and ids.
///
/// The statement sets them side by side with [`asked`], and answers the number of who asked as the last column.
pub(crate) fn for_each(realm: RealmNumber, sql: &str, asked: &[Vec<Value>]) -> Query {
    let mut query = Query::on(realm);
    query.sql = sql.to_owned();
    let width = asked.first().map_or(0, Vec::len);
    query.values.extend((0..width).map(|column| column_of(asked.iter().filter_map(|values| values.get(column)))));
    query
}

/// The values of a column as an array, of ids if any is.
fn column_of<'a>(values: impl Iterator<Item = &'a Value> + Clone) -> Value {
    let texts =
        values.clone().filter_map(|value| if let Value::Text(text) = value { Some(text.clone()) } else { None });
    let texts: Vec<_> = texts.collect();
    if texts.is_empty() {
        Value::Ids(values.map(|value| if let Value::Id(id) = value { Some(*id) } else { None }).collect())
    } else {
        Value::Texts(texts)
    }
}

pub(crate) fn uuid<K: IdKind>(id: Id<K>) -> Uuid {
    Uuid::from_bytes(id.to_bytes())
}

pub(crate) fn id<K: IdKind>(id: Id<K>) -> Value {
    Value::Id(uuid(id))
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
