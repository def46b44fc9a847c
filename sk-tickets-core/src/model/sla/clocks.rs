//! The clocks of a ticket: what starts, stops and ends them. Pure, in whole milliseconds.

use super::{SlaClock, SlaMetric, SlaPolicy, SlaState, Target, TicketSla, Timers, calendar::Calendar};
use crate::{
    model::ticket::{Status, Ticket},
    platform::time::Timestamp,
};

/// A ticket and what is kept of its times, which change together.
#[derive(Debug)]
pub(crate) struct Clocks<'a> {
    pub(crate) ticket: &'a mut Ticket,
    pub(crate) timers: &'a mut Timers,
}

/// Which clocks a policy is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those that run or are paused, and those that are missing: as if the policy had been there from the start.
    Missing,
    /// Those that run or are paused.
    Ticking,
}

/// What a clock has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alarm {
    pub(crate) kind: AlarmKind,
    pub(crate) metric: SlaMetric,
    pub(crate) threshold_seconds: u64,
    pub(crate) due_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlarmKind {
    Warning,
    Breach,
}

impl Clocks<'_> {
    /// Brings the clocks under a policy.
    pub(crate) fn apply(&mut self, policy: Option<&SlaPolicy>, reach: Reach, at: Timestamp) {
        for metric in SlaMetric::ALL.iter().copied() {
            let wanted = policy.and_then(|policy| target(policy, metric));
            match (self.clock(metric).map(|clock| clock.state), wanted) {
                // What has ended stays as it ended.
                (Some(SlaState::Met | SlaState::Breached | SlaState::Cancelled), _) | (None, None) => {}
                (Some(SlaState::Running | SlaState::Paused), None) => self.set(metric, None, None),
                (Some(SlaState::Running | SlaState::Paused), Some(target)) => {
                    let warned = self.target(metric).is_some_and(|before| before.warned);
                    self.set_going(metric, Target { warned, ..target }, at);
                }
                (None, Some(target)) => match reach {
                    Reach::Missing => self.set_going(metric, target, at),
                    Reach::Ticking => {}
                },
            }
        }
    }

    /// Somebody replied to the customer.
    pub(crate) fn reply(&mut self, at: Timestamp) {
        self.timers.reply(at);
        self.end(SlaMetric::FirstResponse, SlaState::Met);
    }

    /// The ticket has come to its status now, from another one. `policy` is that of its priority, and only looked at when it
    /// is opened again: whatever was changed since it was resolved counts from then on.
    pub(crate) fn moved(&mut self, from: Status, policy: Option<&SlaPolicy>, at: Timestamp) {
        let to = self.ticket.status;
        self.timers.track(to, at);
        match (from, to) {
            (_, Status::Resolved) => {
                self.end(SlaMetric::FirstResponse, SlaState::Cancelled);
                self.end(SlaMetric::Resolution, SlaState::Met);
            }
            (_, Status::Closed) => {
                self.end(SlaMetric::FirstResponse, SlaState::Cancelled);
                self.end(SlaMetric::Resolution, SlaState::Cancelled);
            }
            (Status::Resolved, Status::New | Status::Open | Status::Pending | Status::OnHold) => {
                if self.timers.resolution_breached_at.is_none() {
                    match policy.and_then(|policy| target(policy, SlaMetric::Resolution)) {
                        // Not warned yet in this cycle.
                        Some(target) => self.set_going(SlaMetric::Resolution, target, at),
                        None => self.set(SlaMetric::Resolution, None, None),
                    }
                }
            }
            (_, Status::New | Status::Open | Status::Pending | Status::OnHold) => {
                let state = self.clock(SlaMetric::Resolution).map(|clock| clock.state);
                if let (Some(SlaState::Running | SlaState::Paused), Some(target)) =
                    (state, self.target(SlaMetric::Resolution))
                {
                    self.set_going(SlaMetric::Resolution, target, at);
                }
            }
        }
    }

    /// What the clocks have come to by now, each warning and breach once.
    pub(crate) fn ring(&mut self, at: Timestamp) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        for metric in SlaMetric::ALL.iter().copied() {
            let (Some(due_at), Some(target)) = (self.running_until(metric), self.target(metric)) else { continue };
            let alarm = |kind| Alarm { kind, metric, threshold_seconds: target.seconds, due_at };
            if !target.warned && warns_at(target, due_at).is_some_and(|warns_at| warns_at <= at) {
                self.set_target(metric, Some(Target { warned: true, ..target }));
                alarms.push(alarm(AlarmKind::Warning));
            }
            if due_at <= at {
                self.end(metric, SlaState::Breached);
                match metric {
                    SlaMetric::FirstResponse => self.timers.first_response_breached_at = Some(at),
                    SlaMetric::Resolution => self.timers.resolution_breached_at = Some(at),
                }
                alarms.push(alarm(AlarmKind::Breach));
            }
        }
        alarms
    }

    /// Brings what follows from the rest up to date.
    pub(crate) fn settle(&mut self) {
        let is_live = !matches!(self.ticket.status, Status::Resolved | Status::Closed);
        let mut wakes_at = self.timers.auto_close_at;
        let (mut at_risk_at, mut clocked) = (None, false);
        for metric in SlaMetric::ALL.iter().copied() {
            let (Some(clock), Some(target)) = (self.clock(metric), self.target(metric)) else { continue };
            match (clock.state, clock.due_at) {
                (SlaState::Running, Some(due_at)) => {
                    let warns_at = warns_at(target, due_at);
                    let next = warns_at.filter(|_| !target.warned).unwrap_or(due_at);
                    wakes_at = earlier(wakes_at, next);
                    at_risk_at = earlier(at_risk_at, warns_at.unwrap_or(due_at));
                    clocked = true;
                }
                (SlaState::Paused, _) => clocked = true,
                (SlaState::Breached, Some(due_at)) => at_risk_at = earlier(at_risk_at, due_at),
                (SlaState::Running | SlaState::Breached, None) | (SlaState::Met | SlaState::Cancelled, _) => {}
            }
        }
        self.timers.wakes_at = wakes_at;
        self.timers.at_risk_at = at_risk_at.filter(|_| is_live);
        self.timers.clocked = clocked;
    }

    /// Sets a clock going for a target, with the time that was used before: it runs, it is paused or, where it had ended
    /// before there was a target, it ends as it would have.
    fn set_going(&mut self, metric: SlaMetric, target: Target, at: Timestamp) {
        let (clock, target) = match metric {
            SlaMetric::FirstResponse => self.first_response(target),
            SlaMetric::Resolution => (self.resolution(target, at), target),
        };
        self.set(metric, Some(clock), Some(target));
    }

    fn first_response(&self, target: Target) -> (SlaClock, Target) {
        let Timers { first_replied_at, .. } = *self.timers;
        let due_at = Calendar::default().after_ms(self.ticket.created_at, millis(target.seconds));
        let running = SlaClock { due_at: Some(due_at), state: SlaState::Running };
        let resolved_at = self.ticket.first_resolved_at;
        let replied = first_replied_at.is_some_and(|at| resolved_at.is_none_or(|resolved_at| at <= resolved_at));
        let ended_at = if replied { first_replied_at } else { resolved_at };
        match ended_at {
            None => (running, target),
            Some(ended_at) if ended_at < due_at => {
                let state = if replied { SlaState::Met } else { SlaState::Cancelled };
                (SlaClock { state, ..running }, target)
            }
            // It was late, which is yet to be told. To warn of it would be late too.
            Some(_) => (running, Target { warned: true, ..target }),
        }
    }

    fn resolution(&self, target: Target, at: Timestamp) -> SlaClock {
        let Timers { resolution_used_ms: used, resolution_since: since, .. } = *self.timers;
        let (calendar, total) = (Calendar::default(), millis(target.seconds));
        let due_at = match since {
            Some(since) if used < total => calendar.after_ms(since, total - used),
            None if used < total => return SlaClock { due_at: None, state: SlaState::Paused },
            // It has run out, which is yet to be told.
            Some(_) | None => calendar.before_ms(since.unwrap_or(at), used - total),
        };
        SlaClock { due_at: Some(due_at), state: SlaState::Running }
    }

    /// Ends a clock that runs or is paused.
    fn end(&mut self, metric: SlaMetric, state: SlaState) {
        match self.clock(metric) {
            Some(SlaClock { due_at, state: SlaState::Running | SlaState::Paused }) => {
                self.set(metric, Some(SlaClock { due_at, state }), self.target(metric));
            }
            Some(SlaClock { due_at: _, state: SlaState::Met | SlaState::Breached | SlaState::Cancelled }) | None => {}
        }
    }

    fn running_until(&self, metric: SlaMetric) -> Option<Timestamp> {
        self.clock(metric).filter(|clock| clock.state == SlaState::Running)?.due_at
    }

    fn clock(&self, metric: SlaMetric) -> Option<SlaClock> {
        let TicketSla { first_response, resolution } = self.ticket.sla?;
        match metric {
            SlaMetric::FirstResponse => first_response,
            SlaMetric::Resolution => resolution,
        }
    }

    const fn target(&self, metric: SlaMetric) -> Option<Target> {
        match metric {
            SlaMetric::FirstResponse => self.timers.targets.first_response,
            SlaMetric::Resolution => self.timers.targets.resolution,
        }
    }

    const fn set_target(&mut self, metric: SlaMetric, target: Option<Target>) {
        match metric {
            SlaMetric::FirstResponse => self.timers.targets.first_response = target,
            SlaMetric::Resolution => self.timers.targets.resolution = target,
        }
    }

    fn set(&mut self, metric: SlaMetric, clock: Option<SlaClock>, target: Option<Target>) {
        self.set_target(metric, target);
        let mut sla = self.ticket.sla.unwrap_or(TicketSla { first_response: None, resolution: None });
        match metric {
            SlaMetric::FirstResponse => sla.first_response = clock,
            SlaMetric::Resolution => sla.resolution = clock,
        }
        let TicketSla { first_response, resolution } = sla;
        self.ticket.sla = (first_response.is_some() || resolution.is_some()).then_some(sla);
    }
}

fn target(policy: &SlaPolicy, metric: SlaMetric) -> Option<Target> {
    let seconds = match metric {
        SlaMetric::FirstResponse => policy.first_response_seconds,
        SlaMetric::Resolution => policy.resolution_seconds,
    };
    seconds.map(|seconds| Target { seconds, warn_before_seconds: policy.warn_before_seconds, warned: false })
}

fn warns_at(target: Target, due_at: Timestamp) -> Option<Timestamp> {
    target.warn_before_seconds.map(|seconds| Calendar::default().before_ms(due_at, millis(seconds)))
}

const fn millis(seconds: u64) -> u64 {
    seconds.saturating_mul(1_000)
}

fn earlier(one: Option<Timestamp>, other: Timestamp) -> Option<Timestamp> {
    Some(one.map_or(other, |one| one.min(other)))
}
