use std::{
    cell::{Cell, RefCell},
    time::Instant,
};

use sk_tickets_benches::{creates::request, fill, run_id, table::grouped};
use sk_tickets_core::{
    CreateEndpoint, Desk, EndpointId, Environment, Event, IdempotencyKey, Order, OwnerFilter, PageRequest, Realm,
    TicketFilter, TicketId, Tickets, model::event::FeedPosition, store::PageSpec,
};

/// Endpoints that nothing is delivered to.
const DOWN: u32 = 50;

/// A store with many tickets, and what is to be known of it.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) engine: Tickets,
    pub(crate) desk: Desk,
    pub(crate) tickets: u32,
    /// Tickets from all over it.
    pub(crate) some: Vec<TicketId>,
    /// Tickets that wait in the queue, far behind.
    pub(crate) waiting: Vec<TicketId>,
    /// Leads to the page before the last one.
    pub(crate) deepest: String,
    /// The last event there was when it was looked for.
    tail: Cell<FeedPosition>,
    down: RefCell<Vec<EndpointId>>,
    pub(crate) run: u64,
    serial: Cell<u32>,
}

impl Filled {
    /// Pages to the end of the tickets once.
    pub(crate) async fn look_at(engine: Tickets, tickets: u32) -> Self {
        let desk = engine.desk(fill::realm());
        let (mut some, mut cursors) = (Vec::new(), [const { String::new() }; 2]);
        let began = Instant::now();
        let mut page = PageRequest::first().limit(100);
        for number in 0_usize.. {
            let found = desk.tickets(&TicketFilter::ALL, &page).await.expect("read");
            some.extend(found.data.get(number * 7 % 100).map(|ticket| ticket.id));
            let Some(cursor) = found.next_cursor else { break };
            let [_, before] = cursors;
            cursors = [before, cursor.clone()];
            page = PageRequest::first().limit(100).after(cursor);
        }
        eprintln!("{} listed to the end in {:.1} s", grouped(tickets.into()), began.elapsed().as_secs_f64());
        let waiting = TicketFilter { owner: Some(OwnerFilter::Nobody), ..TicketFilter::ALL };
        let waiting = desk.tickets(&waiting, &PageRequest::first().limit(100)).await.expect("read").data;
        // The last page may be short; the one before it is full.
        let [deepest, _] = cursors;
        Self {
            desk,
            tickets,
            some,
            waiting: waiting.iter().map(|ticket| ticket.id).collect(),
            deepest,
            tail: Cell::new(FeedPosition(0)),
            down: RefCell::default(),
            run: run_id(),
            serial: Cell::new(0),
            engine,
        }
    }

    /// A number that was not taken before, and a key.
    pub(crate) fn next(&self) -> (u32, IdempotencyKey) {
        let serial = self.serial.get() + 1;
        self.serial.set(serial);
        (serial, IdempotencyKey::system(&format!("grow-{}-{serial}", self.run)))
    }

    /// Looks for the end of the feed.
    pub(crate) async fn find_tail(&self) {
        let page = PageSpec { after: None, order: Order::Desc, limit: 1 };
        let newest = self.engine.store().event_page(self.desk.realm(), page).await.expect("read").events;
        self.tail.set(newest.first().expect("there are some").0);
    }

    /// What came after the end of the feed.
    pub(crate) async fn after_tail(&self) -> Vec<(FeedPosition, Event)> {
        let page = PageSpec { after: Some(self.tail.get()), order: Order::Asc, limit: 25 };
        self.engine.store().event_page(self.desk.realm(), page).await.expect("read").events
    }

    /// Lets a tenth as many deliveries wait as there are tickets, for some endpoints of another realm.
    pub(crate) async fn pile_up(&self) {
        let desk = self.piled();
        for number in 0..DOWN {
            let endpoint = CreateEndpoint::new(format!("http://127.0.0.1:1024/{number}").parse().expect("lawful"));
            let made = desk.create_endpoint(&self.next().1, endpoint).await.expect("made");
            self.down.borrow_mut().push(made.value.id);
        }
        for _ in 0..self.tickets / 10 / DOWN {
            let (number, key) = self.next();
            desk.create_ticket(&key, request(number.into())).await.expect("made");
        }
    }

    /// Gives up what waits: the store may be measured again.
    pub(crate) async fn clean_up(&self) {
        let endpoints = self.down.take();
        for endpoint in endpoints {
            self.piled().delete_endpoint(&self.next().1, endpoint).await.expect("deleted");
        }
    }

    fn piled(&self) -> Desk {
        self.engine.desk(Realm::assume("backlog".parse().expect("lawful"), Environment::Test))
    }
}
