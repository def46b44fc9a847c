use sk_tickets_core::{
    ActorId, OwnerId, Timestamp,
    model::id::{
        AgentKind, CallKind, ContactKind, EntryKind, FormKind, NotificationKind, QueueKind, RecordingKind,
        SlaPolicyKind, TICKET_PREFIXES, TicketKind, TranscriptKind, UserKind,
    },
    platform::id::{
        ApiKeyKind, DeliveryKind, EndpointKind, EventKind, Id, IdKind, JobKind, PLATFORM_PREFIXES, RequestKind,
    },
};

const DIGITS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const MILLIS_SHIFT: u32 = 80;

/// Ids: a text is one of at most one kind, is read as what its digits say, and is written in one way.
///
/// # Panics
/// If one of that does not hold.
pub fn id(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let [user, agent, contact] = [judge::<UserKind>(text), judge::<AgentKind>(text), judge::<ContactKind>(text)];
    let others = [
        judge::<ApiKeyKind>(text),
        judge::<CallKind>(text),
        judge::<DeliveryKind>(text),
        judge::<EndpointKind>(text),
        judge::<EntryKind>(text),
        judge::<EventKind>(text),
        judge::<FormKind>(text),
        judge::<JobKind>(text),
        judge::<NotificationKind>(text),
        judge::<QueueKind>(text),
        judge::<RecordingKind>(text),
        judge::<RequestKind>(text),
        judge::<SlaPolicyKind>(text),
        judge::<TicketKind>(text),
        judge::<TranscriptKind>(text),
    ];
    assert_eq!(3 + others.len(), PLATFORM_PREFIXES.len() + TICKET_PREFIXES.len(), "every kind is tried");
    let kinds = others.into_iter().chain([user, agent, contact]).filter(|is_one| *is_one).count();
    assert!(kinds <= 1, "{text:?} is an id of {kinds} kinds");

    let owner = text.parse::<OwnerId>().map(|id| id.to_string());
    assert_eq!(owner.is_ok(), user || agent, "{text:?} as an owner's id: {owner:?}");
    let actor = text.parse::<ActorId>().map(|id| id.to_string());
    assert_eq!(actor.is_ok(), user || agent || contact, "{text:?} as an actor's id: {actor:?}");
    for written in [owner.ok(), actor.ok()].into_iter().flatten() {
        assert_eq!(written, canonical(text), "{text:?}");
    }
}

/// Whether the text is an id of this kind.
fn judge<K: IdKind>(text: &str) -> bool {
    let read = text.parse::<Id<K>>();
    let number = read.as_ref().ok().map(|id| u128::from_be_bytes(id.to_bytes()));
    assert_eq!(number, meaning(K::PREFIX, text), "{text:?}");
    let Ok(id) = read else { return false };
    let written = id.to_string();
    assert_eq!(written, canonical(text), "{text:?}");
    assert_eq!(written.parse(), Ok(id), "{text:?}");
    assert_eq!(Id::from_bytes(id.to_bytes()), id, "{text:?}");
    // There are more milliseconds in an id than there are times.
    let millis = i64::try_from(number.unwrap_or_default() >> MILLIS_SHIFT).expect("48 bits");
    assert_eq!(id.timestamp(), Timestamp::from_millis(millis), "{text:?}");
    assert!(millis > Timestamp::MAX.as_millis() || id.timestamp().as_millis() == millis, "{text:?}");
    let json = serde_json::to_string(&id).expect("an id is written");
    assert_eq!(json, format!("\"{written}\""), "{text:?}");
    assert_eq!(serde_json::from_str::<Id<K>>(&json).expect("and read"), id, "{text:?}");
    true
}

/// What the digits of an id say; none if it is none.
fn meaning(prefix: &str, text: &str) -> Option<u128> {
    let (head, digits) = text.split_at_checked(prefix.len() + 1)?;
    if !head.strip_suffix('_')?.eq_ignore_ascii_case(prefix) || digits.len() != 26 {
        return None;
    }
    digits.chars().try_fold(0_u128, |number, digit| {
        let value = DIGITS.find(digit.to_ascii_uppercase())?;
        number.checked_mul(32)?.checked_add(u128::try_from(value).ok()?)
    })
}

/// How an id is written.
fn canonical(text: &str) -> String {
    let (prefix, digits) = text.split_once('_').unwrap_or_default();
    format!("{}_{}", prefix.to_ascii_lowercase(), digits.to_ascii_uppercase())
}
