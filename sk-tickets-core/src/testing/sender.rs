use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::{
    dispatch::{SendError, WebhookReply, WebhookRequest, WebhookSender},
    platform::time::{Clock, Timestamp},
};

/// Answers webhooks by a script and remembers what it was sent, and when.
#[derive(Debug)]
pub struct ScriptedSender {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    script: VecDeque<u16>,
    afterwards: u16,
    sent: Vec<(Timestamp, WebhookRequest)>,
}

impl ScriptedSender {
    /// Answers with the statuses of `script`, one after the other, and then always with `afterwards`; 0 stands for no
    /// answer.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, script: impl IntoIterator<Item = u16>, afterwards: u16) -> Self {
        let state = State { script: script.into_iter().collect(), afterwards, sent: Vec::new() };
        Self { clock, state: Mutex::new(state) }
    }

    /// What was sent so far, and when.
    #[must_use]
    pub fn sent(&self) -> Vec<(Timestamp, WebhookRequest)> {
        self.state().sent.clone()
    }

    /// From now on answers with this status.
    pub fn answer_with(&self, status: u16) {
        self.state().afterwards = status;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl WebhookSender for ScriptedSender {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookReply, SendError> {
        let mut state = self.state();
        state.sent.push((self.clock.now(), request));
        let status_code = state.script.pop_front().unwrap_or(state.afterwards);
        if status_code == 0 {
            return Err(SendError("connection refused".to_owned()));
        }
        Ok(WebhookReply { status_code, retry_after: None, body: b"noted".to_vec() })
    }
}
