-- Every row but a realm itself belongs to one realm, and every key begins with it.
--
-- The guard: scope('realm') and scope('kind') are functions of our connections, and null where no scope was entered.
-- Reads go through views that show the current realm alone. A CHECK refuses new rows of another realm, and triggers
-- refuse to change or delete its rows (a CHECK is not looked at where none of its columns changes). All of it compares
-- with IS: a CHECK whose answer is null would hold.
--
-- Ids are the sixteen bytes of a ULID, times are milliseconds since 1970. Tables of slim rows are WITHOUT ROWID. Tables
-- of fat rows are not: there the whole row would sit in the inner nodes of the tree, which makes it deep.

CREATE TABLE realms (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    environment TEXT NOT NULL CHECK (environment IN ('test', 'live')),
    -- How far the time in the id of a ticket or an event has ever been ahead of and behind its own. A list by time becomes
    -- a range of ids with it, however a clock has jumped.
    id_ahead_ms INTEGER NOT NULL DEFAULT 0,
    id_behind_ms INTEGER NOT NULL DEFAULT 0,
    -- What is dropped for its age: events of the feed up to this position, and deliveries of events before this time.
    purged_position INTEGER NOT NULL DEFAULT 0,
    deliveries_purged_before INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, environment),
    CHECK ((scope('kind') IN ('directory', 'maintenance')) IS TRUE)
) STRICT;

-- What belongs to the store as a whole.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    CHECK ((scope('kind') IN ('directory', 'maintenance')) IS TRUE)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id BLOB PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    realm INTEGER NOT NULL REFERENCES realms (id),
    name TEXT,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    CHECK ((scope('kind') IN ('directory', 'maintenance')) IS TRUE)
) STRICT, WITHOUT ROWID;

-- Idempotency keys with the answers recorded for them. Of one whose answer is dropped for its age the fingerprint is zero,
-- and of the answer the status and the location stay.
CREATE TABLE claims (
    realm INTEGER NOT NULL REFERENCES realms (id),
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    status INTEGER NOT NULL,
    location TEXT,
    etag TEXT,
    content_type TEXT,
    body BLOB NOT NULL,
    -- The secret that the answer tells, sealed, and at which byte of the body it is put in.
    secret BLOB,
    secret_offset INTEGER,
    -- The ticket whose words are in the body; null if none are that could be redacted.
    ticket_id BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (realm, key),
    CHECK ((secret IS NULL) = (secret_offset IS NULL)),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT;

-- Those with a secret, to seal them anew by.
CREATE INDEX claims_secrets ON claims (realm, key) WHERE secret IS NOT NULL;
-- Those with the words of a ticket, to redact them by.
CREATE INDEX claims_tickets ON claims (realm, ticket_id, key) WHERE ticket_id IS NOT NULL;

-- Those whose answer is kept, by their age.
CREATE INDEX claims_kept ON claims (realm, created_at)
    WHERE fingerprint <> x'0000000000000000000000000000000000000000000000000000000000000000';

-- Of a recorded answer nothing changes but its secret, which is sealed anew with another master key, its words in a
-- redaction, and all of it once it is old.
CREATE TRIGGER claims_stay BEFORE UPDATE OF realm, key, status, location, created_at ON claims BEGIN
    SELECT RAISE (ABORT, 'recorded answers stay as they are');
END;
CREATE TRIGGER claims_answer_stays BEFORE UPDATE OF fingerprint, etag, content_type, secret_offset, ticket_id ON claims
WHEN scope('kind') IS NOT 'purge' BEGIN
    SELECT RAISE (ABORT, 'recorded answers stay as they are');
END;
CREATE TRIGGER claims_words_stay BEFORE UPDATE OF body ON claims
WHEN (scope('kind') IN ('redaction', 'purge')) IS NOT TRUE BEGIN
    SELECT RAISE (ABORT, 'recorded answers stay as they are');
END;
CREATE TRIGGER claims_keep BEFORE DELETE ON claims BEGIN
    SELECT RAISE (ABORT, 'recorded answers stay as they are');
END;

CREATE TABLE contacts (
    realm INTEGER NOT NULL REFERENCES realms (id),
    id BLOB NOT NULL,
    name TEXT,
    email TEXT,
    phone TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (realm, id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX contacts_email ON contacts (realm, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX contacts_phone_alone ON contacts (realm, phone) WHERE email IS NULL AND phone IS NOT NULL;
CREATE INDEX contacts_phone ON contacts (realm, phone) WHERE phone IS NOT NULL;

-- The queue `default`, which every realm has, has a row once it was changed.
CREATE TABLE queues (
    realm INTEGER NOT NULL REFERENCES realms (id),
    id BLOB NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    topics TEXT NOT NULL,
    default_owner_id TEXT,
    default_priority INTEGER CHECK (default_priority BETWEEN 0 AND 3),
    created_at INTEGER,
    PRIMARY KEY (realm, id),
    UNIQUE (realm, key),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

-- The topics of queues once more: each leads to one queue.
CREATE TABLE queue_topics (
    realm INTEGER NOT NULL,
    topic TEXT NOT NULL,
    queue_id BLOB NOT NULL,
    PRIMARY KEY (realm, topic),
    FOREIGN KEY (realm, queue_id) REFERENCES queues (realm, id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

-- Who is shown a form has its id and nothing else, so the id is unique beyond the realm.
CREATE TABLE forms (
    realm INTEGER NOT NULL REFERENCES realms (id),
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    topics TEXT NOT NULL,
    allowed_origins TEXT NOT NULL,
    locale TEXT NOT NULL,
    theme TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (realm, id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
    realm INTEGER NOT NULL REFERENCES realms (id),
    id BLOB NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    subject TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('new', 'open', 'pending', 'on_hold', 'resolved', 'closed')),
    -- By rank, 0 is low and 3 is urgent: the order of a queue needs it.
    priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 3),
    source TEXT NOT NULL,
    topic TEXT,
    queue TEXT NOT NULL,
    queued_at INTEGER,
    -- With its prefix, since it may be of a user or of an agent.
    owner_id TEXT,
    contact_id BLOB,
    call_id BLOB,
    tags TEXT NOT NULL,
    metadata TEXT NOT NULL,
    resolution_note TEXT,
    reopen_count INTEGER NOT NULL,
    follow_up_of BLOB,
    sla TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    first_resolved_at INTEGER,
    resolved_at INTEGER,
    closed_at INTEGER,
    -- What is kept of its times beside what it shows.
    first_replied_at INTEGER,
    resolution_used_ms INTEGER NOT NULL DEFAULT 0,
    resolution_since INTEGER,
    -- What is aimed at, as JSON; null where nothing is.
    targets TEXT,
    first_response_breached_at INTEGER,
    resolution_breached_at INTEGER,
    auto_close_at INTEGER,
    wakes_at INTEGER,
    at_risk_at INTEGER,
    clocked INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (realm, id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT;

-- One index for each filter, each in the order of pages.
CREATE INDEX tickets_status ON tickets (realm, status, id);
CREATE INDEX tickets_queue ON tickets (realm, queue, id);
CREATE INDEX tickets_owner ON tickets (realm, owner_id, id);
CREATE INDEX tickets_contact ON tickets (realm, contact_id, id) WHERE contact_id IS NOT NULL;
CREATE INDEX tickets_topic ON tickets (realm, topic, id) WHERE topic IS NOT NULL;
CREATE INDEX tickets_priority ON tickets (realm, priority, id);
CREATE INDEX tickets_source ON tickets (realm, source, id);
-- By when they were made, with all that figures are made of.
CREATE INDEX tickets_time ON tickets (realm, created_at, queue, status, first_replied_at, first_resolved_at,
                                      first_response_breached_at, resolution_breached_at, reopen_count);
-- Those that wait, in the order in which they are to be taken.
CREATE INDEX tickets_waiting ON tickets (realm, queue, priority DESC, queued_at, id) WHERE queued_at IS NOT NULL;

-- What is in hand in a queue.
CREATE INDEX tickets_in_hand ON tickets (realm, queue, status) WHERE status <> 'closed';
-- Those at which something is due, across realms; those that a change of their policy concerns; and those in danger.
CREATE INDEX tickets_due ON tickets (wakes_at, id, realm) WHERE wakes_at IS NOT NULL;
CREATE INDEX tickets_clocked ON tickets (realm, priority, id) WHERE clocked;
CREATE INDEX tickets_at_risk ON tickets (realm, queue, at_risk_at) WHERE at_risk_at IS NOT NULL;

-- What is aimed at for the tickets of a priority.
CREATE TABLE sla_policies (
    realm INTEGER NOT NULL REFERENCES realms (id),
    priority INTEGER NOT NULL,
    id BLOB NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    first_response_seconds INTEGER,
    resolution_seconds INTEGER,
    warn_before_seconds INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Whether there is work to do about its last change, and the last ticket that was seen to.
    changed INTEGER NOT NULL,
    cursor BLOB,
    PRIMARY KEY (realm, priority),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance'),
    -- After the guard, so that a foreign row is refused in one way, whatever it says.
    CHECK (priority BETWEEN 0 AND 3),
    CHECK (changed OR cursor IS NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX sla_policies_changed ON sla_policies (realm, priority) WHERE changed;

-- How many wait, block by block: see places.rs.
CREATE TABLE queue_blocks (
    realm INTEGER NOT NULL REFERENCES realms (id),
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    -- The place at which it begins. It ends where the next one does.
    start_at INTEGER NOT NULL,
    start_id BLOB NOT NULL,
    waiting INTEGER NOT NULL CHECK (waiting >= 0),
    PRIMARY KEY (realm, queue, priority, start_at, start_id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

-- The tags of tickets once more, to find tickets by.
CREATE TABLE ticket_tags (
    realm INTEGER NOT NULL,
    tag TEXT NOT NULL,
    ticket_id BLOB NOT NULL,
    PRIMARY KEY (realm, tag, ticket_id),
    FOREIGN KEY (realm, ticket_id) REFERENCES tickets (realm, id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

-- The tickets of a realm in blocks, in the order of ids, as the index of words has them: see search.rs. A block has the
-- tickets from its first id up to that of the next block.
CREATE TABLE search_blocks (
    realm INTEGER NOT NULL REFERENCES realms (id),
    first_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    tickets INTEGER NOT NULL,
    PRIMARY KEY (realm, first_id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

-- What tickets can be found by: each word, and in how many texts of the ticket it occurs. It follows from what else is
-- written, and no ticket is ever deleted, so that there is one is not looked up for each word.
CREATE TABLE ticket_terms (
    realm INTEGER NOT NULL,
    block INTEGER NOT NULL,
    term TEXT NOT NULL,
    ticket_id BLOB NOT NULL,
    texts INTEGER NOT NULL CHECK (texts > 0),
    PRIMARY KEY (realm, block, term, ticket_id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

CREATE TABLE thread_entries (
    realm INTEGER NOT NULL,
    ticket_id BLOB NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    id BLOB NOT NULL,
    visibility TEXT NOT NULL,
    actor TEXT NOT NULL,
    body TEXT,
    evidence TEXT NOT NULL,
    detail TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (realm, ticket_id, sequence),
    UNIQUE (realm, id),
    FOREIGN KEY (realm, ticket_id) REFERENCES tickets (realm, id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT;

-- Append-only but for words, and those only in a redaction.
CREATE TRIGGER thread_entries_stay
BEFORE UPDATE OF realm, ticket_id, sequence, id, visibility, actor, created_at ON thread_entries BEGIN
    SELECT RAISE (ABORT, 'thread entries are append-only');
END;
CREATE TRIGGER thread_entries_words_stay BEFORE UPDATE ON thread_entries WHEN scope('kind') IS NOT 'redaction' BEGIN
    SELECT RAISE (ABORT, 'thread entries are append-only');
END;
CREATE TRIGGER thread_entries_keep BEFORE DELETE ON thread_entries BEGIN
    SELECT RAISE (ABORT, 'thread entries are append-only');
END;

CREATE TABLE events (
    realm INTEGER NOT NULL REFERENCES realms (id),
    id BLOB NOT NULL,
    -- The place in the feed. A ping has none: it is sent, but is not part of the feed.
    position INTEGER CHECK (position > 0),
    event_type TEXT NOT NULL,
    ticket_id BLOB,
    ticket_version INTEGER,
    at INTEGER NOT NULL,
    -- Empty once it is dropped for its age.
    payload BLOB NOT NULL,
    PRIMARY KEY (realm, id),
    UNIQUE (realm, position),
    FOREIGN KEY (realm, ticket_id) REFERENCES tickets (realm, id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT;

-- To find the words of a ticket by.
CREATE INDEX events_ticket ON events (realm, ticket_id, ticket_version, id) WHERE ticket_id IS NOT NULL;

CREATE TRIGGER events_stay
BEFORE UPDATE OF realm, id, position, event_type, ticket_id, ticket_version, at ON events BEGIN
    SELECT RAISE (ABORT, 'events are append-only');
END;
CREATE TRIGGER events_words_stay BEFORE UPDATE ON events
WHEN (scope('kind') IN ('redaction', 'purge')) IS NOT TRUE BEGIN
    SELECT RAISE (ABORT, 'events are append-only');
END;
CREATE TRIGGER events_keep BEFORE DELETE ON events BEGIN
    SELECT RAISE (ABORT, 'events are append-only');
END;

CREATE TABLE endpoints (
    realm INTEGER NOT NULL REFERENCES realms (id),
    id BLOB NOT NULL,
    url TEXT NOT NULL,
    description TEXT,
    events TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('enabled', 'disabled')),
    disabled_reason TEXT,
    failing_since INTEGER,
    created_at INTEGER NOT NULL,
    -- Sealed; empty once the endpoint is deleted.
    secret BLOB NOT NULL,
    -- Those that were replaced, each as when it ends and its bytes, the newest first.
    old_secrets TEXT NOT NULL,
    -- The row stays, since deliveries refer to it.
    deleted_at INTEGER,
    -- Since when it wants what it wants: no event after that may lack a delivery to it.
    wanted_since INTEGER NOT NULL,
    PRIMARY KEY (realm, id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

CREATE INDEX endpoints_present ON endpoints (realm, id) WHERE deleted_at IS NULL;

CREATE TABLE deliveries (
    realm INTEGER NOT NULL,
    id BLOB NOT NULL,
    endpoint_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    event_type TEXT NOT NULL,
    ticket_id BLOB,
    -- Not a list: for one of three or more SQLite fills a table whenever it checks.
    status TEXT NOT NULL CHECK (status = 'pending' OR status = 'delivered' OR status = 'dead'),
    reason TEXT,
    -- What was said when it was discarded.
    discard_reason TEXT,
    next_attempt_at INTEGER,
    -- next_attempt_at or, while it is leased, the end of the lease.
    claimable_at INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Attempts that have failed since the schedule began.
    failures INTEGER NOT NULL DEFAULT 0,
    -- In which of its endpoint's two queues it waits.
    retrying INTEGER NOT NULL AS (failures > 0) VIRTUAL,
    lease_owner INTEGER,
    lease_token INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (realm, id),
    FOREIGN KEY (realm, endpoint_id) REFERENCES endpoints (realm, id),
    FOREIGN KEY (realm, event_id) REFERENCES events (realm, id),
    CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
    CHECK ((status = 'pending') = (claimable_at IS NOT NULL)),
    CHECK ((status = 'dead') = (reason IS NOT NULL)),
    CHECK (status = 'pending' OR lease_owner IS NULL),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_status ON deliveries (realm, status, id);
CREATE INDEX deliveries_endpoint ON deliveries (realm, endpoint_id, status, id);
CREATE INDEX deliveries_dead_letters ON deliveries (realm, id, created_at, reason)
    WHERE status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled');
CREATE INDEX deliveries_dead_letters_type ON deliveries (realm, event_type, id)
    WHERE status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled');
-- Only what is pending, so that a claim costs the same whatever was delivered before; queue by queue, so that it costs
-- the same however many wait in one.
CREATE INDEX deliveries_claimable ON deliveries (realm, endpoint_id, retrying, claimable_at, id, next_attempt_at)
    WHERE status = 'pending';
-- What is under way: never many.
CREATE INDEX deliveries_leased ON deliveries (realm, endpoint_id, retrying, claimable_at) WHERE lease_owner IS NOT NULL;

CREATE TRIGGER deliveries_keep BEFORE DELETE ON deliveries
WHEN (scope('kind') IN ('purge', 'maintenance')) IS NOT TRUE BEGIN
    SELECT RAISE (ABORT, 'deliveries are kept');
END;

CREATE TABLE delivery_attempts (
    realm INTEGER NOT NULL,
    delivery_id BLOB NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    at INTEGER NOT NULL,
    status_code INTEGER,
    error TEXT,
    latency_ms INTEGER NOT NULL,
    response TEXT,
    PRIMARY KEY (realm, delivery_id, number),
    FOREIGN KEY (realm, delivery_id) REFERENCES deliveries (realm, id),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT;

CREATE TRIGGER delivery_attempts_stay
BEFORE UPDATE OF realm, delivery_id, number, at, status_code, latency_ms ON delivery_attempts BEGIN
    SELECT RAISE (ABORT, 'attempts stay as they are');
END;
CREATE TRIGGER delivery_attempts_words_stay
BEFORE UPDATE ON delivery_attempts WHEN (scope('kind') IN ('redaction', 'purge')) IS NOT TRUE BEGIN
    SELECT RAISE (ABORT, 'attempts stay as they are');
END;
CREATE TRIGGER delivery_attempts_keep BEFORE DELETE ON delivery_attempts
WHEN (scope('kind') IN ('purge', 'maintenance')) IS NOT TRUE BEGIN
    SELECT RAISE (ABORT, 'attempts stay as they are');
END;

-- What receivers have answered, by its age.
CREATE INDEX delivery_attempts_responses ON delivery_attempts (realm, at) WHERE response IS NOT NULL;

-- Jobs that replay dead letters.
CREATE TABLE replay_jobs (
    realm INTEGER NOT NULL REFERENCES realms (id),
    id BLOB NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed')),
    -- Which letters: each is null, or empty, where any will do.
    endpoint_id BLOB,
    types TEXT NOT NULL,
    from_at INTEGER,
    to_at INTEGER,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    -- The last letter that was looked at.
    cursor BLOB,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    PRIMARY KEY (realm, id),
    CHECK ((status = 'completed') = (finished_at IS NOT NULL)),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT, WITHOUT ROWID;

CREATE INDEX replay_jobs_unfinished ON replay_jobs (id) WHERE status <> 'completed';

-- What customers are told. A row is fat: it has the text of a mail.
CREATE TABLE notifications (
    realm INTEGER NOT NULL,
    id BLOB NOT NULL,
    ticket_id BLOB NOT NULL,
    contact_id BLOB NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('pending', 'sent', 'captured', 'no_address', 'dead')),
    recipient TEXT,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    last_error TEXT,
    next_attempt_at INTEGER,
    sent_at INTEGER,
    created_at INTEGER NOT NULL,
    -- next_attempt_at or, while it is leased, the end of the lease.
    claimable_at INTEGER,
    -- Attempts that have failed since the schedule began.
    failures INTEGER NOT NULL DEFAULT 0,
    lease_owner INTEGER,
    lease_token INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (realm, id),
    FOREIGN KEY (realm, ticket_id) REFERENCES tickets (realm, id),
    CHECK ((outcome = 'pending') = (next_attempt_at IS NOT NULL)),
    CHECK ((outcome = 'pending') = (claimable_at IS NOT NULL)),
    CHECK ((outcome = 'sent') = (sent_at IS NOT NULL)),
    CHECK (outcome = 'pending' OR lease_owner IS NULL),
    CHECK (realm IS scope('realm') OR scope('kind') IS 'maintenance')
) STRICT;

CREATE TRIGGER notifications_words_stay
BEFORE UPDATE OF ticket_id, contact_id, subject, text, created_at ON notifications
WHEN scope('kind') IS NOT 'redaction' BEGIN
    SELECT RAISE (ABORT, 'what a customer was told stays as it is');
END;

CREATE INDEX notifications_ticket ON notifications (realm, ticket_id, id);
CREATE INDEX notifications_outcome ON notifications (realm, outcome, id);
-- Workers serve all realms, so these do not begin with one.
CREATE INDEX notifications_due ON notifications (claimable_at, id, realm, created_at, lease_owner)
    WHERE outcome = 'pending';
CREATE INDEX notifications_dead ON notifications (id, realm) WHERE outcome = 'dead';

-- No row of another realm is changed or deleted.
CREATE TRIGGER thread_entries_guard_change BEFORE UPDATE ON thread_entries
WHEN old.realm IS NOT scope('realm') BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER events_guard_change BEFORE UPDATE ON events
WHEN old.realm IS NOT scope('realm') BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER claims_guard_change BEFORE UPDATE ON claims
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER claims_guard_delete BEFORE DELETE ON claims
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER contacts_guard_change BEFORE UPDATE ON contacts
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER contacts_guard_delete BEFORE DELETE ON contacts
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER queues_guard_change BEFORE UPDATE ON queues
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER queues_guard_delete BEFORE DELETE ON queues
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER queue_topics_guard_change BEFORE UPDATE ON queue_topics
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER queue_topics_guard_delete BEFORE DELETE ON queue_topics
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER queue_blocks_guard_change BEFORE UPDATE ON queue_blocks
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER queue_blocks_guard_delete BEFORE DELETE ON queue_blocks
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER forms_guard_change BEFORE UPDATE ON forms
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER forms_guard_delete BEFORE DELETE ON forms
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER tickets_guard_change BEFORE UPDATE ON tickets
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER tickets_guard_delete BEFORE DELETE ON tickets
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER sla_policies_guard_change BEFORE UPDATE ON sla_policies
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER sla_policies_guard_delete BEFORE DELETE ON sla_policies
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER ticket_tags_guard_change BEFORE UPDATE ON ticket_tags
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER ticket_tags_guard_delete BEFORE DELETE ON ticket_tags
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER search_blocks_guard_change BEFORE UPDATE ON search_blocks
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER search_blocks_guard_delete BEFORE DELETE ON search_blocks
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER ticket_terms_guard_change BEFORE UPDATE ON ticket_terms
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER ticket_terms_guard_delete BEFORE DELETE ON ticket_terms
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER endpoints_guard_change BEFORE UPDATE ON endpoints
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER endpoints_guard_delete BEFORE DELETE ON endpoints
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER deliveries_guard_change BEFORE UPDATE ON deliveries
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER deliveries_guard_delete BEFORE DELETE ON deliveries
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER delivery_attempts_guard_change BEFORE UPDATE ON delivery_attempts
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER delivery_attempts_guard_delete BEFORE DELETE ON delivery_attempts
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER replay_jobs_guard_change BEFORE UPDATE ON replay_jobs
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER replay_jobs_guard_delete BEFORE DELETE ON replay_jobs
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER notifications_guard_change BEFORE UPDATE ON notifications
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;
CREATE TRIGGER notifications_guard_delete BEFORE DELETE ON notifications
WHEN old.realm IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'a row of another realm');
END;

-- A realm is made by the directory; what a realm knows of itself is changed from within it.
CREATE TRIGGER realms_guard_change BEFORE UPDATE ON realms
WHEN old.id IS NOT scope('realm') AND scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'another realm');
END;
CREATE TRIGGER realms_guard_delete BEFORE DELETE ON realms
WHEN scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'not from here');
END;
CREATE TRIGGER settings_guard_change BEFORE UPDATE ON settings
WHEN (scope('kind') IN ('directory', 'maintenance')) IS NOT TRUE BEGIN
    SELECT RAISE (ABORT, 'not from here');
END;
CREATE TRIGGER settings_guard_delete BEFORE DELETE ON settings
WHEN scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'not from here');
END;
CREATE TRIGGER api_keys_guard_change BEFORE UPDATE ON api_keys
WHEN (scope('kind') IN ('directory', 'maintenance')) IS NOT TRUE BEGIN
    SELECT RAISE (ABORT, 'not from here');
END;
CREATE TRIGGER api_keys_guard_delete BEFORE DELETE ON api_keys
WHEN scope('kind') IS NOT 'maintenance' BEGIN
    SELECT RAISE (ABORT, 'not from here');
END;

-- What a realm sees of its own.
CREATE VIEW my_realm AS SELECT * FROM realms WHERE id = scope('realm');
CREATE VIEW my_claims AS SELECT * FROM claims WHERE realm = scope('realm');
CREATE VIEW my_kept_answers AS SELECT realm, key, created_at FROM claims INDEXED BY claims_kept
    WHERE realm = scope('realm')
      AND fingerprint <> x'0000000000000000000000000000000000000000000000000000000000000000';
CREATE VIEW my_contacts AS SELECT * FROM contacts WHERE realm = scope('realm');
CREATE VIEW my_queues AS SELECT * FROM queues WHERE realm = scope('realm');
CREATE VIEW my_queue_blocks AS SELECT * FROM queue_blocks WHERE realm = scope('realm');
CREATE VIEW my_queue_topics AS SELECT * FROM queue_topics WHERE realm = scope('realm');
CREATE VIEW my_forms AS SELECT * FROM forms WHERE realm = scope('realm');
CREATE VIEW my_tickets AS SELECT * FROM tickets WHERE realm = scope('realm');
CREATE VIEW my_sla_policies AS SELECT * FROM sla_policies WHERE realm = scope('realm');
CREATE VIEW my_ticket_tags AS SELECT * FROM ticket_tags WHERE realm = scope('realm');
CREATE VIEW my_search_blocks AS SELECT * FROM search_blocks WHERE realm = scope('realm');
CREATE VIEW my_ticket_terms AS SELECT * FROM ticket_terms WHERE realm = scope('realm');
CREATE VIEW my_thread_entries AS SELECT * FROM thread_entries WHERE realm = scope('realm');
CREATE VIEW my_events AS SELECT * FROM events WHERE realm = scope('realm');
CREATE VIEW my_endpoints AS SELECT * FROM endpoints WHERE realm = scope('realm');
CREATE VIEW my_deliveries AS SELECT * FROM deliveries WHERE realm = scope('realm');
CREATE VIEW my_delivery_attempts AS SELECT * FROM delivery_attempts WHERE realm = scope('realm');
CREATE VIEW my_kept_responses AS SELECT realm, delivery_id, number, at
    FROM delivery_attempts INDEXED BY delivery_attempts_responses
    WHERE realm = scope('realm') AND response IS NOT NULL;
CREATE VIEW my_replay_jobs AS SELECT * FROM replay_jobs WHERE realm = scope('realm');
CREATE VIEW my_notifications AS SELECT * FROM notifications WHERE realm = scope('realm');

-- The same, by way of one index, so that no statistics of SQLite's lead a list another way.
CREATE VIEW my_tickets_by_status AS SELECT * FROM tickets INDEXED BY tickets_status WHERE realm = scope('realm');
CREATE VIEW my_tickets_by_queue AS SELECT * FROM tickets INDEXED BY tickets_queue WHERE realm = scope('realm');
CREATE VIEW my_tickets_by_owner AS SELECT * FROM tickets INDEXED BY tickets_owner WHERE realm = scope('realm');
CREATE VIEW my_tickets_by_contact AS SELECT * FROM tickets INDEXED BY tickets_contact WHERE realm = scope('realm');
CREATE VIEW my_tickets_by_topic AS SELECT * FROM tickets INDEXED BY tickets_topic WHERE realm = scope('realm');
CREATE VIEW my_tickets_by_priority AS SELECT * FROM tickets INDEXED BY tickets_priority WHERE realm = scope('realm');
CREATE VIEW my_tickets_by_source AS SELECT * FROM tickets INDEXED BY tickets_source WHERE realm = scope('realm');
CREATE VIEW my_clocked_tickets AS SELECT realm, priority, id FROM tickets INDEXED BY tickets_clocked
    WHERE clocked AND realm = scope('realm');
CREATE VIEW my_tickets_in_hand AS SELECT queue, status FROM tickets INDEXED BY tickets_in_hand
    WHERE realm = scope('realm') AND status <> 'closed';
CREATE VIEW my_tickets_at_risk AS SELECT queue, at_risk_at FROM tickets INDEXED BY tickets_at_risk
    WHERE realm = scope('realm') AND at_risk_at IS NOT NULL;
CREATE VIEW my_tickets_waiting AS SELECT * FROM tickets INDEXED BY tickets_waiting
    WHERE realm = scope('realm') AND queued_at IS NOT NULL;
CREATE VIEW my_tickets_by_time AS SELECT * FROM tickets INDEXED BY tickets_time WHERE realm = scope('realm');
CREATE VIEW my_deliveries_by_status AS SELECT * FROM deliveries INDEXED BY deliveries_status WHERE realm = scope('realm');
CREATE VIEW my_deliveries_by_endpoint AS SELECT * FROM deliveries INDEXED BY deliveries_endpoint WHERE realm = scope('realm');
CREATE VIEW my_dead_letters AS SELECT * FROM deliveries INDEXED BY deliveries_dead_letters
    WHERE realm = scope('realm') AND status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled');
CREATE VIEW my_dead_letters_by_type AS SELECT * FROM deliveries INDEXED BY deliveries_dead_letters_type
    WHERE realm = scope('realm') AND status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled');
CREATE VIEW my_notifications_by_ticket AS SELECT * FROM notifications INDEXED BY notifications_ticket
    WHERE realm = scope('realm');
CREATE VIEW my_notifications_by_outcome AS SELECT * FROM notifications INDEXED BY notifications_outcome
    WHERE realm = scope('realm');
CREATE VIEW my_recorded_secrets AS SELECT realm, key, secret FROM claims INDEXED BY claims_secrets
    WHERE realm = scope('realm') AND secret IS NOT NULL;

-- What workers see across realms: which deliveries wait, for which endpoint, until when, and whether it is failing; how
-- old dead letters are; which jobs are to be done; which notifications wait, until when; at which tickets something is
-- due, and which policies were changed. Nothing of what is in them.
CREATE VIEW worker_deliveries AS SELECT realm, id, endpoint_id, retrying, claimable_at, next_attempt_at
    FROM deliveries INDEXED BY deliveries_claimable
    WHERE status = 'pending' AND scope('kind') IS 'worker';
CREATE VIEW worker_leases AS SELECT realm, id, endpoint_id, retrying, claimable_at, lease_owner
    FROM deliveries INDEXED BY deliveries_leased
    WHERE lease_owner IS NOT NULL AND scope('kind') IS 'worker';
CREATE VIEW worker_endpoints AS SELECT realm, id, failing_since IS NOT NULL AS failing
    FROM endpoints WHERE scope('kind') IS 'worker';
CREATE VIEW worker_dead_letters AS SELECT created_at FROM deliveries INDEXED BY deliveries_dead_letters
    WHERE status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled') AND scope('kind') IS 'worker';
CREATE VIEW worker_replay_jobs AS SELECT realm, id FROM replay_jobs INDEXED BY replay_jobs_unfinished
    WHERE status <> 'completed' AND scope('kind') IS 'worker';
CREATE VIEW worker_notifications AS SELECT realm, id, claimable_at, created_at, lease_owner
    FROM notifications INDEXED BY notifications_due
    WHERE outcome = 'pending' AND scope('kind') IS 'worker';
CREATE VIEW worker_dead_notifications AS SELECT realm, id FROM notifications INDEXED BY notifications_dead
    WHERE outcome = 'dead' AND scope('kind') IS 'worker';
CREATE VIEW worker_due_tickets AS SELECT wakes_at, id, realm FROM tickets INDEXED BY tickets_due
    WHERE wakes_at IS NOT NULL AND scope('kind') IS 'worker';
CREATE VIEW worker_sla_policies AS SELECT realm, priority FROM sla_policies INDEXED BY sla_policies_changed
    WHERE changed AND scope('kind') IS 'worker';

-- What is known before a realm is.
CREATE VIEW directory_realms AS SELECT id, tenant, environment FROM realms WHERE scope('kind') IS 'directory';
CREATE VIEW directory_api_keys AS SELECT * FROM api_keys WHERE scope('kind') IS 'directory';
CREATE VIEW directory_settings AS SELECT * FROM settings WHERE scope('kind') IS 'directory';

-- What is known of a form before its realm is: the one that was asked for, by its whole id.
CREATE VIEW public_form AS SELECT tenant, environment, forms.*
    FROM forms JOIN realms ON realms.id = forms.realm
    WHERE forms.id = scope('form');
