use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{fault::Fault, oracle::Posted, world::World};
use crate::notify::{Mail, Notifier, NotifyError};

/// How long a mail server that is slow takes, in milliseconds.
const SLOW_MS: (usize, usize) = (500, 20_000);

/// The mail server.
#[derive(Debug)]
pub(super) struct Mailbox {
    world: Arc<World>,
}

impl Mailbox {
    pub(super) const fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    fn post(&self, mail: &Mail, taken: bool) {
        self.world.say(&"mail server", &format_args!("{} {} taken: {taken}", mail.id, mail.to));
        self.world.oracle().inbox.mails.push(Posted { mail: mail.clone(), taken });
    }
}

#[async_trait]
impl Notifier for Mailbox {
    async fn notify(&self, mail: &Mail) -> Result<(), NotifyError> {
        let world = &self.world;
        world.time.sleep(Duration::from_millis(world.dice.between(1, 20) as u64)).await;
        if !world.goes_wrong(world.weather.mail_fails) {
            self.post(mail, true);
            return Ok(());
        }
        let fate = world.dice.pick(&[
            Fault::MailServerBusy,
            Fault::MailServerRefused,
            Fault::MailServerSlow,
            Fault::MailAnswerLost,
        ]);
        let fate = fate.unwrap_or(Fault::MailServerBusy);
        world.note(fate);
        world.say(&"mail server", &fate);
        match fate {
            Fault::MailServerRefused => {
                self.post(mail, false);
                Err(NotifyError::Permanent("nobody there".to_owned()))
            }
            Fault::MailServerSlow => {
                let millis = world.dice.between(SLOW_MS.0, SLOW_MS.1);
                world.time.sleep(Duration::from_millis(millis as u64)).await;
                self.post(mail, true);
                Ok(())
            }
            Fault::MailAnswerLost => {
                self.post(mail, true);
                Err(NotifyError::Passing("connection reset".to_owned()))
            }
            _ => {
                self.post(mail, false);
                Err(NotifyError::Passing("busy".to_owned()))
            }
        }
    }
}
