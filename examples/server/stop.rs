//! Being told to stop, by SIGTERM or Ctrl-C.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::Failure;

/// Told to all that is to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens to the signals from now on.
    pub(crate) fn on_signal() -> Result<Self, Failure> {
        let (stop, stopped) = watch::channel(false);
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping: no new work is begun, what is under way is finished");
            stop.send_replace(true);
        });
        Ok(Self(stopped))
    }

    /// Returns when a signal came.
    pub(crate) async fn wait(mut self) {
        // An error means that nobody can stop us any more: the process is ending.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}
