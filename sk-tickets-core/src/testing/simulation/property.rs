use super::sentence::sentences;

sentences! {
    /// What must hold, whatever happens.
    pub enum Property {
        AcknowledgedIsKept = "What a client was told is done is still there at the end.",
        OneEffectForEachKey = "A key has one effect if it was answered with a success, and none if with a rejection.",
        ReplayIsIdentical = "The same key and body get the same answer, byte for byte, however often and at whatever node.",
        ReusedKeyIsRefused = "The same key with another body is refused.",
        EveryVersionIsTold = "Each version of a ticket, from the first to the last, has its events in the feed, in order.",
        ThreadHasNoGaps = "The sequence of a thread goes from one to its end without a gap.",
        OneDeliveryForEachEndpoint = "Each event has one delivery for each endpoint that wants it, and none for any other.",
        DeliveredWasReceived = "What is recorded as delivered was received and answered with a success.",
        AttemptIsRecordedOnce = "A delivery has as many attempts as were settled, numbered from one.",
        SignatureIsValid = "Every webhook is signed with the endpoint's secret over its id, time and body.",
        AttemptsAreAlike = "All attempts of an event have the same id and the same bytes, to whatever endpoint.",
        FeedIsFollowed = "Who follows the feed by cursor sees each event once, in its order, and none appears before what was seen.",
        LostLeaseSettlesNothing = "A lease that was lost settles nothing.",
        LeaseIsExclusive = "Nothing is leased to two workers at a time, and each lease has a larger token than the one before.",
        RealmsAreApart = "A realm sees nothing of another's.",
        AlarmRingsOnce = "A clock that ran out is told once, and a ticket is closed once.",
        HeadGoesToOne = "Each ticket of a queue goes to one of those who claim.",
        RedactedIsNowhere = "A text that was redacted is nowhere in the store, and is found by no search.",
        CustomerIsTold = "Each resolution of a ticket with a contact has one notification, and what is recorded as sent was taken by a mail server.",
        EveryClientIsAnswered = "Once nothing fails any more, every client gets an answer to every request.",
        OutboxIsEmptied = "Once nothing fails any more, every delivery is delivered or dead, and every replayed dead letter is delivered.",
        MailIsSent = "Once nothing fails any more, no notification stays pending.",
        DueIsDone = "Once nothing fails any more, what is due at tickets is done.",
        WorkersAreWoken = "A worker that has nothing to do is woken by a commit, and need not find it by looking again.",
        SameSeedSameTrace = "The same seed gives the same trace.",
    }
}
