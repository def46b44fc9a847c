use std::sync::Arc;

use sk_tickets_core::{
    ApiKey, Command, Desk, Error, IdempotencyKey, Request, Scope,
    platform::{
        json::Json,
        problem::{self, Problem},
    },
};

use super::{answers::FromRecorded, arguments::IfMatch};

/// Who asks, who has passed the gate: the desk that answers, and what may be asked of it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) desk: Desk,
    pub(crate) key: Arc<ApiKey>,
    /// There for every mutation.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
}

impl Call {
    /// Refuses a key that lacks a scope which the route alone does not ask for.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Error> {
        require(&self.key, scope)
    }

    /// Does what a command says.
    pub(crate) async fn execute<A: FromRecorded>(self, command: Command, sent: &Json) -> Result<A, Error> {
        self.execute_if(IfMatch(None), command, sent).await
    }

    /// Does what a command says, on condition of `If-Match`.
    pub(crate) async fn execute_if<A: FromRecorded>(
        self,
        IfMatch(versions): IfMatch,
        command: Command,
        sent: &Json,
    ) -> Result<A, Error> {
        let key =
            self.idempotency_key.ok_or_else(|| Problem::new(problem::IDEMPOTENCY_KEY_REQUIRED, "none was sent"))?;
        let answer = self.desk.execute(Request::as_sent(&key, command, sent).if_match(versions)).await?;
        Ok(A::from_recorded(answer.response, answer.replayed))
    }
}

/// Refuses a key that lacks a scope.
pub(crate) fn require(key: &ApiKey, scope: Scope) -> Result<(), Error> {
    if key.allows(scope) {
        return Ok(());
    }
    Err(Problem::new(problem::INSUFFICIENT_SCOPE, format!("this needs the scope {scope}"))
        .with("required_scope", scope.as_str())
        .into())
}

/// What a path that leads to nothing answers; the same for what belongs to another.
pub(crate) fn not_found() -> Error {
    Problem::new(problem::NOT_FOUND, "there is no such resource").into()
}
