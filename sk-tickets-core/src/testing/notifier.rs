use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::{
    notify::{Mail, Notifier, NotifyError},
    platform::time::{Clock, Timestamp},
};

/// Takes mails by a script and remembers what it was given, and when.
#[derive(Debug)]
pub struct ScriptedNotifier {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    script: VecDeque<Result<(), NotifyError>>,
    afterwards: Result<(), NotifyError>,
    given: Vec<(Timestamp, Mail)>,
}

impl ScriptedNotifier {
    /// Answers as `script` says, one after the other, and then always with `afterwards`.
    #[must_use]
    pub fn new(
        clock: Arc<dyn Clock>,
        script: impl IntoIterator<Item = Result<(), NotifyError>>,
        afterwards: Result<(), NotifyError>,
    ) -> Self {
        let state = State { script: script.into_iter().collect(), afterwards, given: Vec::new() };
        Self { clock, state: Mutex::new(state) }
    }

    /// What it was given so far, and when.
    #[must_use]
    pub fn given(&self) -> Vec<(Timestamp, Mail)> {
        self.state().given.clone()
    }

    /// From now on answers so.
    pub fn answer_with(&self, answer: Result<(), NotifyError>) {
        self.state().afterwards = answer;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Notifier for ScriptedNotifier {
    async fn notify(&self, mail: &Mail) -> Result<(), NotifyError> {
        let mut state = self.state();
        state.given.push((self.clock.now(), mail.clone()));
        let afterwards = state.afterwards.clone();
        state.script.pop_front().unwrap_or(afterwards)
    }
}
