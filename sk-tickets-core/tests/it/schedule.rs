//! The schedule of attempts, measured: the worker over the reference store, by a clock that is set by hand; and its
//! picture.

use std::{
    fmt::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sk_tickets_core::{
    Clock, CreateEndpoint, CreateTicket, Delivery, DeliveryFilter, DeliveryStatus, Desk, Environment, IdempotencyKey,
    MemoryStore, PageRequest, Realm, Schedule, SendError, TargetPolicy, Tickets, Timestamp, WebhookReply,
    WebhookRequest, WebhookSender, testing::ManualClock,
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::golden;

/// The contract, in seconds: nobody may change the constant without changing this.
const DELAYS_SECS: [u64; 7] = [1, 4, 16, 60, 300, 1_800, 7_200];

/// How long each attempt takes until its receiver says no.
const TAKES: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_secs(14),
    Duration::from_millis(1),
    Duration::from_secs(3),
    Duration::from_millis(9_999),
    Duration::from_secs(11),
    Duration::from_secs(2),
];

const MILLISECOND: Duration = Duration::from_millis(1);

/// Says no, each time after a while of its own, and notes when it was asked.
#[derive(Debug)]
struct Slow {
    clock: Arc<ManualClock>,
    asked: Mutex<Vec<(Timestamp, WebhookRequest)>>,
    answered: AtomicUsize,
}

#[async_trait]
impl WebhookSender for Slow {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookReply, SendError> {
        let now = self.clock.now();
        let number = {
            let mut asked = self.asked.lock().expect("whole");
            asked.push((now, request));
            asked.len()
        };
        self.clock.sleep_until(now + TAKES[number - 1]).await;
        self.answered.store(number, Ordering::SeqCst);
        Ok(WebhookReply { status_code: 500, retry_after: None, body: Vec::new() })
    }
}

struct Stage {
    clock: Arc<ManualClock>,
    sender: Arc<Slow>,
    desk: Desk,
    stop: oneshot::Sender<()>,
    worker: JoinHandle<()>,
}

impl Stage {
    /// A worker with one delivery to make.
    async fn set() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let tickets = Tickets::builder(Arc::new(MemoryStore::new()))
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .targets(TargetPolicy::LoopbackInTest)
            .build();
        let desk = tickets.desk(Realm::assume("acme".parse().expect("lawful"), Environment::Test));
        let hook = CreateEndpoint::new("http://127.0.0.1:9000/".parse().expect("lawful"));
        desk.create_endpoint(&IdempotencyKey::system("hook"), hook).await.expect("made");
        let ticket = CreateTicket::new("Part delayed").expect("lawful");
        desk.create_ticket(&IdempotencyKey::system("ticket"), ticket).await.expect("made");

        let asked = Mutex::new(Vec::new());
        let sender = Arc::new(Slow { clock: Arc::clone(&clock), asked, answered: AtomicUsize::new(0) });
        let dispatcher = tickets.dispatcher(Arc::clone(&sender) as Arc<dyn WebhookSender>);
        let (stop, stopped) = oneshot::channel();
        let worker = tokio::spawn(async move {
            dispatcher
                .run(async {
                    // Whether it was told or the stage is gone: either is the end.
                    let _ = stopped.await;
                })
                .await;
        });
        Self { clock, sender, desk, stop, worker }
    }

    fn asked(&self) -> Vec<(Timestamp, WebhookRequest)> {
        self.sender.asked.lock().expect("whole").clone()
    }

    /// Lets the worker do all that it would do at this time.
    async fn rest(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Moves the clock on in steps that are short enough for a lease to be renewed.
    async fn pass(&self, mut by: Duration) {
        while !by.is_zero() {
            let step = by.min(Duration::from_secs(1));
            self.clock.advance(step);
            self.rest().await;
            by -= step;
        }
    }

    async fn delivery(&self) -> Delivery {
        let all = self.desk.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.expect("read");
        all.data.into_iter().next().expect("there is one")
    }
}

#[tokio::test]
async fn attempts_start_by_the_schedule_after_the_end_of_the_one_before_and_never_early() {
    let stage = Stage::set().await;
    let created = stage.clock.now();
    stage.rest().await;
    for number in 1..=TAKES.len() {
        assert_eq!(stage.asked().len(), number, "attempt {number} has begun");
        let takes = TAKES[number - 1];
        if !takes.is_zero() {
            stage.pass(takes - MILLISECOND).await;
            assert_eq!(stage.sender.answered.load(Ordering::SeqCst), number - 1);
            stage.pass(MILLISECOND).await;
        }
        assert_eq!(stage.sender.answered.load(Ordering::SeqCst), number);
        let ended = stage.clock.now();
        let delivery = stage.delivery().await;
        assert_eq!(delivery.attempts.len(), number, "attempt {number} is settled");
        let attempt = &delivery.attempts[number - 1];
        assert_eq!(u128::from(attempt.latency_ms), takes.as_millis());
        assert_eq!(attempt.at + takes, ended);

        let Some(&secs) = DELAYS_SECS.get(number - 1) else { continue };
        let delay = Duration::from_secs(secs);
        assert_eq!((delivery.status, delivery.next_attempt_at), (DeliveryStatus::Pending, Some(ended + delay)));
        // To one millisecond before it is due, by way of the middle.
        stage.clock.advance(delay / 2);
        stage.rest().await;
        stage.clock.advance(delay - delay / 2 - MILLISECOND);
        stage.rest().await;
        assert_eq!(stage.asked().len(), number, "attempt {} is early", number + 1);
        stage.clock.advance(MILLISECOND);
        stage.rest().await;
    }

    let delivery = stage.delivery().await;
    assert_eq!((delivery.status, delivery.next_attempt_at), (DeliveryStatus::Dead, None));
    stage.clock.advance(Duration::from_secs(7 * 86_400));
    stage.rest().await;
    assert_eq!(stage.asked().len(), 8, "a dead letter is not sent by itself");

    // What the sender saw, without a look at what was noted in between.
    let asked = stage.asked();
    let mut wanted = created;
    for (number, (at, request)) in asked.iter().enumerate() {
        assert_eq!(*at, wanted, "attempt {}", number + 1);
        assert_eq!(request.timestamp, at.as_secs().to_string(), "signed when it is sent");
        assert_eq!((&request.id, &request.body), (&asked[0].1.id, &asked[0].1.body));
        wanted = wanted + TAKES[number] + Duration::from_secs(*DELAYS_SECS.get(number).unwrap_or(&0));
    }
    stage.stop.send(()).expect("the worker is there");
    stage.worker.await.expect("it stops");
}

/// The delays of the schedule that the engine goes by.
fn delays() -> Vec<Duration> {
    let schedule = Schedule::default();
    let start = Timestamp::from_millis(0);
    (1..).map_while(|failures| schedule.next_attempt(failures, start, None)).map(|at| at.since(start)).collect()
}

#[test]
fn the_schedule_is_the_contract() {
    assert_eq!(delays(), DELAYS_SECS.map(Duration::from_secs));
}

#[test]
fn the_picture_of_the_schedule_is_up_to_date() {
    golden::check("docs/webhook-schedule.svg", &picture());
}

/// `1 h 2 m 3 s`, without what is zero.
fn in_words(duration: Duration) -> String {
    let secs = duration.as_secs();
    let parts = [(secs / 3_600, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if parts.is_empty() { "at once".to_owned() } else { parts.join(" ") }
}

const WIDTH: f64 = 940.0;
const HEIGHT: f64 = 190.0;
const MARGIN: f64 = 64.0;
const LINE_Y: f64 = 92.0;

/// The attempts as stations on a line: the delays between them above, the time since the first below. Not to scale: a
/// second would not be seen beside two hours.
fn picture() -> String {
    let delays = delays();
    let stations = u32::try_from(delays.len() + 2).expect("few");
    let step = (WIDTH - 2.0 * MARGIN) / f64::from(stations - 1);
    let x = |station: u32| MARGIN + step * f64::from(station);
    let mut drawn = String::new();
    let mut since_first = Duration::ZERO;
    for (number, index) in (1..stations).zip(0_u32..) {
        let last = number == stations - 1;
        let (from, to) = (x(index) + 17.0, x(number) - if last { 48.0 } else { 17.0 });
        let _ = writeln!(
            drawn,
            "<path class=\"line\" d=\"M{from:.1},{LINE_Y} L{:.1},{LINE_Y}\"/>\
             <polygon class=\"tip\" points=\"{to:.1},{LINE_Y} {:.1},{:.1} {:.1},{:.1}\"/>",
            to - 6.0,
            to - 7.0,
            LINE_Y - 4.0,
            to - 7.0,
            LINE_Y + 4.0,
        );
        let _ = writeln!(
            drawn,
            "<circle class=\"attempt\" cx=\"{0:.1}\" cy=\"{LINE_Y}\" r=\"15\"/>\
             <text class=\"number\" x=\"{0:.1}\" y=\"{1:.1}\">{number}</text>\
             <text class=\"since\" x=\"{0:.1}\" y=\"{2:.1}\">{3}</text>",
            x(index),
            LINE_Y + 5.0,
            LINE_Y + 38.0,
            in_words(since_first),
        );
        if let Some(&delay) = usize::try_from(index).ok().and_then(|index| delays.get(index)) {
            let _ = writeln!(
                drawn,
                "<text class=\"delay\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x(index) + step / 2.0,
                LINE_Y - 24.0,
                in_words(delay),
            );
            since_first += delay;
        }
    }
    let dead = x(stations - 1);
    let _ = writeln!(
        drawn,
        "<rect class=\"dead\" x=\"{:.1}\" y=\"{:.1}\" width=\"92\" height=\"34\" rx=\"8\"/>\
         <text class=\"dead-name\" x=\"{dead:.1}\" y=\"{:.1}\">dead letter</text>",
        dead - 46.0,
        LINE_Y - 17.0,
        LINE_Y + 4.5,
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"When a webhook is tried again: {} after each failed attempt, then it is a dead letter\">\n\
         <!-- Made from the Schedule of sk_tickets_core by its tests; UPDATE_GOLDEN=1 writes it anew. -->\n\
         <style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"16\"/>\n\
         <text class=\"legend\" x=\"24\" y=\"32\">Above: the delay, counted from the end of the failed attempt.</text>\n\
         {drawn}\
         <text class=\"legend\" x=\"24\" y=\"{:.1}\">Below: the time since the first attempt, if none of them takes any. \
         Not to scale.</text>\n</svg>\n",
        delays.iter().copied().map(in_words).collect::<Vec<_>>().join(", "),
        HEIGHT - 20.0,
    )
}

const STYLE: &str = "\
text { font-family: ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; text-anchor: middle }
.paper { fill: #ffffff }
.line { stroke: #4b5563; stroke-width: 1.6px } .tip { fill: #4b5563 }
.attempt { fill: #dbeafe; stroke: #1d4ed8; stroke-width: 1.6px }
.number { font-size: 14px; font-weight: 600; fill: #111827 }
.delay { font-size: 13px; font-weight: 600; fill: #1d4ed8 }
.since { font-size: 11px; fill: #374151 }
.dead { fill: #e5e7eb; stroke: #4b5563; stroke-width: 1.6px }
.dead-name { font-size: 13px; font-weight: 600; fill: #111827 }
.legend { font-size: 12px; text-anchor: start; fill: #4b5563 }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117 }
  .line { stroke: #9ca3af } .tip { fill: #9ca3af }
  .attempt { fill: #1e3a8a; stroke: #93c5fd }
  .number { fill: #f9fafb }
  .delay { fill: #93c5fd }
  .since { fill: #d1d5db }
  .dead { fill: #374151; stroke: #d1d5db }
  .dead-name { fill: #f9fafb }
  .legend { fill: #9ca3af }
}
";
