use super::sentence::sentences;

sentences! {
    /// What goes wrong on purpose.
    pub enum Fault {
        StoreRefused = "the store failed before anything was done",
        StoreAnswerLost = "the store did it and its answer was lost",
        StoreSlow = "the store took long",
        Outage = "no node reached the store for a while",
        Partition = "one node did not reach the store for a while",
        CrashBefore = "a node died before the store did what it was asked",
        CrashAfter = "a node died after the store had done it and before it knew",
        CrashAnywhere = "a node died wherever it was",
        Deploy = "a node was stopped and started again",
        ClockForward = "a node's clock jumped forward",
        ClockBack = "a node's clock was set back",
        LeaseRanOut = "a lease ran out and the delivery was leased again",
        AnswerLost = "a client did not get the answer",
        ClientGaveUpWaiting = "a client waited no longer and asked again",
        Twin = "a client asked two nodes at once",
        ReceiverRefused = "a receiver refused the connection",
        ReceiverSilent = "a receiver did not answer",
        ReceiverFailed = "a receiver answered 500",
        ReceiverThrottled = "a receiver answered 429 with Retry-After",
        ReceiverGone = "a receiver answered 410",
        ReceiverRedirected = "a receiver answered 302",
        ReceiverSlow = "a receiver answered slowly",
        ReceiverAnswerLost = "a receiver took it and its answer was lost",
        MailServerBusy = "a mail server put it off",
        MailServerRefused = "a mail server refused for good",
        MailServerSlow = "a mail server took long",
        MailAnswerLost = "a mail server took it and its answer was lost",
    }
}
