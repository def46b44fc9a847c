-- Every row but a tenant itself belongs to one realm, a tenant in one environment (0 is test, 1 is live), and every key
-- begins with it, so that the database can be sharded by tenant.
--
-- Ids are the sixteen bytes of a ULID as uuid, times are milliseconds since 1970. Rows do not refer to their tenant: the
-- check would lock the one row that all writers of a realm share.

CREATE TABLE sk_tickets.tenants (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE sk_tickets.realms (
    tenant bigint NOT NULL REFERENCES sk_tickets.tenants (id),
    environment smallint NOT NULL CHECK (environment IN (0, 1)),
    -- Where the feed ends. Who numbers events holds this row.
    last_position bigint NOT NULL DEFAULT 0,
    -- How far the time in the id of a ticket or an event has ever been ahead of and behind its own. A list by time becomes
    -- a range of ids with it, however a clock has jumped.
    id_ahead_ms bigint NOT NULL DEFAULT 0,
    id_behind_ms bigint NOT NULL DEFAULT 0,
    -- What is dropped for its age: events of the feed up to this position, and deliveries of events before this time.
    purged_position bigint NOT NULL DEFAULT 0,
    deliveries_purged_before bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, environment)
);

-- What belongs to the store as a whole.
CREATE TABLE sk_tickets.settings (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE sk_tickets.api_keys (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    name text,
    scopes text[] NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    last_used_at bigint,
    PRIMARY KEY (tenant, environment, id),
    -- Across all realms: a key is looked up before its realm is known.
    CONSTRAINT api_keys_id UNIQUE (id),
    CONSTRAINT api_keys_hash UNIQUE (hash),
    FOREIGN KEY (tenant, environment) REFERENCES sk_tickets.realms (tenant, environment)
);

-- Idempotency keys with the answers recorded for them. Of one whose answer is dropped for its age the fingerprint is zero,
-- and of the answer the status and the location stay.
CREATE TABLE sk_tickets.claims (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    status integer NOT NULL,
    location text,
    etag text,
    content_type text,
    body bytea NOT NULL,
    -- The secret that belongs into the body, and at which byte of it. Sealed anew with another master key; but for that,
    -- for words of the body that are redacted, and for what is old, a claim stays for ever.
    secret_at bigint,
    secret bytea,
    -- The ticket whose words are in the body; null if none are that could be redacted.
    ticket_id uuid,
    created_at bigint NOT NULL,
    CONSTRAINT claims_key PRIMARY KEY (tenant, environment, key),
    CHECK ((secret IS NULL) = (secret_at IS NULL))
);

-- Those whose answer is kept, by their age.
CREATE INDEX claims_kept ON sk_tickets.claims (tenant, environment, created_at)
    WHERE fingerprint <> '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea;
CREATE INDEX claims_secrets ON sk_tickets.claims (tenant, environment, key) WHERE secret IS NOT NULL;
-- Those with the words of a ticket, to redact them by.
CREATE INDEX claims_tickets ON sk_tickets.claims (tenant, environment, ticket_id) WHERE ticket_id IS NOT NULL;

CREATE TABLE sk_tickets.contacts (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    name text,
    email text COLLATE "C",
    phone text COLLATE "C",
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, environment, id)
);

CREATE UNIQUE INDEX contacts_email ON sk_tickets.contacts (tenant, environment, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX contacts_phone_alone ON sk_tickets.contacts (tenant, environment, phone)
    WHERE email IS NULL AND phone IS NOT NULL;
CREATE INDEX contacts_phone ON sk_tickets.contacts (tenant, environment, phone) WHERE phone IS NOT NULL;

-- The queue `default`, which every realm has, has a row once it was changed.
CREATE TABLE sk_tickets.queues (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    name text NOT NULL,
    topics text[] NOT NULL,
    default_owner_id text,
    default_priority smallint CHECK (default_priority BETWEEN 0 AND 3),
    created_at bigint,
    PRIMARY KEY (tenant, environment, id),
    CONSTRAINT queues_key UNIQUE (tenant, environment, key)
);

-- The topics of queues once more: each leads to one queue.
CREATE TABLE sk_tickets.queue_topics (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    queue_id uuid NOT NULL,
    CONSTRAINT queue_topics_key PRIMARY KEY (tenant, environment, topic),
    FOREIGN KEY (tenant, environment, queue_id) REFERENCES sk_tickets.queues (tenant, environment, id)
);

-- Who is shown a form has its id and nothing else, so the id is unique beyond the realm.
CREATE TABLE sk_tickets.forms (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    topics jsonb NOT NULL,
    allowed_origins text[] NOT NULL,
    locale text NOT NULL,
    theme jsonb NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, environment, id),
    CONSTRAINT forms_id UNIQUE (id)
);

CREATE TABLE sk_tickets.tickets (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    subject text NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('new', 'open', 'pending', 'on_hold', 'resolved', 'closed')),
    -- By rank, 0 is low and 3 is urgent: the order of a queue needs it.
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 3),
    source text COLLATE "C" NOT NULL,
    topic text COLLATE "C",
    queue text COLLATE "C" NOT NULL,
    queued_at bigint,
    -- With its prefix, since it may be of a user or of an agent.
    owner_id text COLLATE "C",
    contact_id uuid,
    call_id uuid,
    tags text[] NOT NULL,
    metadata jsonb NOT NULL,
    resolution_note text,
    reopen_count bigint NOT NULL,
    follow_up_of uuid,
    sla jsonb,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    first_resolved_at bigint,
    resolved_at bigint,
    closed_at bigint,
    -- What is kept of its times beside what it shows.
    first_replied_at bigint,
    resolution_used_ms bigint NOT NULL DEFAULT 0,
    resolution_since bigint,
    -- What is aimed at; null where nothing is.
    targets jsonb,
    first_response_breached_at bigint,
    resolution_breached_at bigint,
    auto_close_at bigint,
    wakes_at bigint,
    at_risk_at bigint,
    clocked boolean NOT NULL DEFAULT false
);

-- One index for each filter, each in the order of pages.
CREATE INDEX tickets_status ON sk_tickets.tickets (tenant, environment, status, id);
CREATE INDEX tickets_queue ON sk_tickets.tickets (tenant, environment, queue, id);
CREATE INDEX tickets_owner ON sk_tickets.tickets (tenant, environment, owner_id, id);
CREATE INDEX tickets_contact ON sk_tickets.tickets (tenant, environment, contact_id, id) WHERE contact_id IS NOT NULL;
CREATE INDEX tickets_topic ON sk_tickets.tickets (tenant, environment, topic, id) WHERE topic IS NOT NULL;
CREATE INDEX tickets_priority ON sk_tickets.tickets (tenant, environment, priority, id);
CREATE INDEX tickets_source ON sk_tickets.tickets (tenant, environment, source, id);
-- By when they were made, with all that figures are made of.
CREATE INDEX tickets_time ON sk_tickets.tickets (tenant, environment, created_at)
    INCLUDE (queue, status, first_replied_at, first_resolved_at, first_response_breached_at, resolution_breached_at,
             reopen_count);
-- Those that wait, in the order in which they are to be taken.
CREATE INDEX tickets_waiting ON sk_tickets.tickets (tenant, environment, queue, priority DESC, queued_at, id)
    WHERE queued_at IS NOT NULL;

-- What is in hand in a queue.
CREATE INDEX tickets_in_hand ON sk_tickets.tickets (tenant, environment, queue, status) WHERE status <> 'closed';
-- Those at which something is due, across realms; those that a change of their policy concerns; and those in danger.
CREATE INDEX tickets_due ON sk_tickets.tickets (wakes_at, id, tenant, environment) WHERE wakes_at IS NOT NULL;
CREATE INDEX tickets_clocked ON sk_tickets.tickets (tenant, environment, priority, id) WHERE clocked;
CREATE INDEX tickets_at_risk ON sk_tickets.tickets (tenant, environment, queue, at_risk_at)
    WHERE at_risk_at IS NOT NULL;
-- The last one: while the planner knows nothing of a table yet, all indexes of a realm are as good to it, and of those it
-- takes the newest. A reference would be checked by a walk through the realm otherwise, for as long as that plan is kept.
ALTER TABLE sk_tickets.tickets ADD CONSTRAINT tickets_key PRIMARY KEY (tenant, environment, id);

-- What is aimed at for the tickets of a priority.
CREATE TABLE sk_tickets.sla_policies (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 3),
    id uuid NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    first_response_seconds bigint,
    resolution_seconds bigint,
    warn_before_seconds bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    -- Whether there is work to do about its last change, and the last ticket that was seen to.
    changed boolean NOT NULL DEFAULT true,
    last_seen uuid,
    CONSTRAINT sla_policies_key PRIMARY KEY (tenant, environment, priority),
    CHECK (changed OR last_seen IS NULL)
);

CREATE INDEX sla_policies_changed ON sk_tickets.sla_policies (tenant, environment, priority) WHERE changed;

-- How many wait, block by block: see places.rs.
CREATE TABLE sk_tickets.queue_blocks (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    queue text COLLATE "C" NOT NULL,
    priority smallint NOT NULL,
    -- The place at which it begins. It ends where the next one does.
    start_at bigint NOT NULL,
    start_id uuid NOT NULL,
    waiting bigint NOT NULL,
    CONSTRAINT queue_blocks_key PRIMARY KEY (tenant, environment, queue, priority, start_at, start_id)
);

-- Tickets that came to a place or left one, and are in no block yet.
CREATE TABLE sk_tickets.queue_moves (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    queue text COLLATE "C" NOT NULL,
    priority smallint NOT NULL,
    queued_at bigint NOT NULL,
    ticket_id uuid NOT NULL,
    -- A ticket may leave a place and come back to it.
    number bigint GENERATED BY DEFAULT AS IDENTITY,
    delta smallint NOT NULL CHECK (delta IN (-1, 1)),
    PRIMARY KEY (tenant, environment, queue, priority, queued_at, ticket_id, number)
);

-- The tags of tickets once more, to find tickets by: operators on arrays are not leakproof, so under row-level security
-- none of them can use an index.
CREATE TABLE sk_tickets.ticket_tags (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    tag text COLLATE "C" NOT NULL,
    ticket_id uuid NOT NULL,
    CONSTRAINT ticket_tags_key PRIMARY KEY (tenant, environment, tag, ticket_id),
    FOREIGN KEY (tenant, environment, ticket_id) REFERENCES sk_tickets.tickets (tenant, environment, id)
);

-- What tickets can be found by: each word, and in how many texts of the ticket it occurs. The operators of full-text
-- search are not leakproof either; equality of text is. It follows from what else is written, and no ticket is ever deleted,
-- so that there is one is not looked up for each word.
-- A ticket has many words, and most of what they cost is to compare keys: so a word stands where it is aligned, which the
-- environment before it would not leave it.
CREATE TABLE sk_tickets.ticket_terms (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    block bigint NOT NULL,
    term text COLLATE "C" NOT NULL,
    ticket_id uuid NOT NULL,
    texts bigint NOT NULL CHECK (texts > 0),
    CONSTRAINT ticket_terms_key PRIMARY KEY (tenant, block, term, environment, ticket_id)
);

-- The tickets of a realm in blocks, in the order of ids, as the index of words has them: see search.rs. A block has the
-- tickets from its first id up to that of the next block.
CREATE TABLE sk_tickets.search_blocks (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    first_id uuid NOT NULL,
    number bigint NOT NULL,
    CONSTRAINT search_blocks_key PRIMARY KEY (tenant, environment, first_id)
);
-- A search takes the first few of a realm in their order. The planner is to think that all there are may be of one tenant: by
-- the mean of many tenants it would find and sort all of them, for one that has thousands.
ALTER TABLE sk_tickets.search_blocks ALTER COLUMN tenant SET (n_distinct = 1);

CREATE TABLE sk_tickets.thread_entries (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    ticket_id uuid NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    id uuid NOT NULL,
    visibility text NOT NULL,
    actor jsonb NOT NULL,
    body text,
    evidence jsonb NOT NULL,
    detail jsonb NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, environment, ticket_id, sequence),
    CONSTRAINT thread_entries_id UNIQUE (tenant, environment, id),
    FOREIGN KEY (tenant, environment, ticket_id) REFERENCES sk_tickets.tickets (tenant, environment, id)
);

CREATE TABLE sk_tickets.events (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    event_type text NOT NULL,
    -- Null for a ping, which is sent but is not part of the feed.
    ticket_id uuid,
    ticket_version bigint,
    at bigint NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (tenant, environment, id),
    FOREIGN KEY (tenant, environment, ticket_id) REFERENCES sk_tickets.tickets (tenant, environment, id)
);

-- To find the words of a ticket by.
CREATE INDEX events_ticket ON sk_tickets.events (tenant, environment, ticket_id, ticket_version)
    WHERE ticket_id IS NOT NULL;

-- Events that were committed and have no place in the feed yet.
CREATE TABLE sk_tickets.feed_pending (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    event_id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    ticket_version bigint NOT NULL,
    -- Says in which order they came, where one transaction did not wait for the other.
    arrival bigint GENERATED BY DEFAULT AS IDENTITY,
    PRIMARY KEY (tenant, environment, event_id)
);

-- The feed: events by position.
CREATE TABLE sk_tickets.feed (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    event_id uuid NOT NULL,
    PRIMARY KEY (tenant, environment, position),
    UNIQUE (tenant, environment, event_id),
    FOREIGN KEY (tenant, environment, event_id) REFERENCES sk_tickets.events (tenant, environment, id)
);

CREATE TABLE sk_tickets.endpoints (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    url text NOT NULL,
    description text,
    events text[] NOT NULL,
    status text NOT NULL CHECK (status IN ('enabled', 'disabled')),
    disabled_reason text,
    failing_since bigint,
    created_at bigint NOT NULL,
    secret bytea NOT NULL,
    -- Those that were replaced and still sign, the newest first, and until when each does.
    old_secrets bytea[] NOT NULL DEFAULT '{}',
    old_secrets_until bigint[] NOT NULL DEFAULT '{}',
    -- The row stays, since deliveries refer to it.
    deleted_at bigint,
    -- Since when it wants what it wants: no event after that may lack a delivery to it.
    wanted_since bigint NOT NULL,
    CONSTRAINT endpoints_key PRIMARY KEY (tenant, environment, id),
    CHECK (cardinality(old_secrets) = cardinality(old_secrets_until))
);

CREATE INDEX endpoints_present ON sk_tickets.endpoints (tenant, environment, id) WHERE deleted_at IS NULL;

CREATE TABLE sk_tickets.deliveries (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    ticket_id uuid,
    status text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
    reason text COLLATE "C",
    -- What was said when it was discarded.
    discard_reason text,
    next_attempt_at bigint,
    -- next_attempt_at or, while it is leased, the end of the lease.
    claimable_at bigint,
    attempts bigint NOT NULL DEFAULT 0,
    -- Attempts that have failed since the schedule began.
    failures bigint NOT NULL DEFAULT 0,
    retrying boolean NOT NULL GENERATED ALWAYS AS (failures > 0) STORED,
    lease_owner bigint,
    lease_token bigint NOT NULL DEFAULT 0,
    created_at bigint NOT NULL,
    FOREIGN KEY (tenant, environment, endpoint_id) REFERENCES sk_tickets.endpoints (tenant, environment, id),
    FOREIGN KEY (tenant, environment, event_id) REFERENCES sk_tickets.events (tenant, environment, id),
    CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
    CHECK ((status = 'pending') = (claimable_at IS NOT NULL)),
    CHECK ((status = 'dead') = (reason IS NOT NULL)),
    CHECK (status = 'pending' OR lease_owner IS NULL)
);

CREATE INDEX deliveries_status ON sk_tickets.deliveries (tenant, environment, status, id);
CREATE INDEX deliveries_endpoint ON sk_tickets.deliveries (tenant, environment, endpoint_id, status, id);
CREATE INDEX deliveries_dead_letters ON sk_tickets.deliveries (tenant, environment, id) INCLUDE (created_at)
    WHERE status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled');
CREATE INDEX deliveries_dead_letters_type ON sk_tickets.deliveries (tenant, environment, event_type, id)
    WHERE status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled');
-- Only what is pending, so that a claim costs the same whatever was delivered before: a queue for each endpoint, another
-- one for its retries, each in the order in which it is served.
CREATE INDEX deliveries_queues ON sk_tickets.deliveries
    (tenant, environment, endpoint_id, retrying, claimable_at, id) INCLUDE (next_attempt_at)
    WHERE status = 'pending';
-- There are never many: as many as may be under way.
CREATE INDEX deliveries_leased ON sk_tickets.deliveries (tenant, environment, endpoint_id, lease_owner)
    WHERE lease_owner IS NOT NULL;
-- The last one, as with tickets.
ALTER TABLE sk_tickets.deliveries ADD PRIMARY KEY (tenant, environment, id);

CREATE TABLE sk_tickets.delivery_attempts (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    delivery_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    at bigint NOT NULL,
    status_code integer,
    -- Bytes, though they are UTF-8: what a receiver answers may hold a NUL, which text cannot.
    error bytea,
    latency_ms bigint NOT NULL,
    response bytea,
    PRIMARY KEY (tenant, environment, delivery_id, number),
    FOREIGN KEY (tenant, environment, delivery_id) REFERENCES sk_tickets.deliveries (tenant, environment, id)
);

-- What receivers have answered, by its age.
CREATE INDEX delivery_attempts_responses ON sk_tickets.delivery_attempts (tenant, environment, at)
    WHERE response IS NOT NULL;

-- Jobs that replay dead letters.
CREATE TABLE sk_tickets.replay_jobs (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'running', 'completed')),
    -- Which letters: for this endpoint, of these types or of any, of events since then and before then.
    endpoint_id uuid,
    types text[] NOT NULL,
    since bigint,
    before bigint,
    total bigint NOT NULL,
    done bigint NOT NULL,
    failed bigint NOT NULL,
    -- The last letter that was looked at.
    last_seen uuid,
    created_at bigint NOT NULL,
    finished_at bigint,
    CONSTRAINT replay_jobs_key PRIMARY KEY (tenant, environment, id)
);

-- Workers serve all realms, so this one does not begin with one.
CREATE INDEX replay_jobs_unfinished ON sk_tickets.replay_jobs (id, tenant, environment) WHERE status <> 'completed';

-- What customers are told.
CREATE TABLE sk_tickets.notifications (
    tenant bigint NOT NULL,
    environment smallint NOT NULL,
    id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    outcome text COLLATE "C" NOT NULL CHECK (outcome IN ('pending', 'sent', 'captured', 'no_address', 'dead')),
    recipient text,
    subject text NOT NULL,
    text text NOT NULL,
    attempts bigint NOT NULL,
    last_error text,
    next_attempt_at bigint,
    sent_at bigint,
    created_at bigint NOT NULL,
    -- next_attempt_at or, while it is leased, the end of the lease.
    claimable_at bigint,
    -- Attempts that have failed since the schedule began.
    failures bigint NOT NULL DEFAULT 0,
    lease_owner bigint,
    lease_token bigint NOT NULL DEFAULT 0,
    FOREIGN KEY (tenant, environment, ticket_id) REFERENCES sk_tickets.tickets (tenant, environment, id),
    CHECK ((outcome = 'pending') = (next_attempt_at IS NOT NULL)),
    CHECK ((outcome = 'pending') = (claimable_at IS NOT NULL)),
    CHECK ((outcome = 'sent') = (sent_at IS NOT NULL)),
    CHECK (outcome = 'pending' OR lease_owner IS NULL)
);

CREATE INDEX notifications_ticket ON sk_tickets.notifications (tenant, environment, ticket_id, id);
CREATE INDEX notifications_outcome ON sk_tickets.notifications (tenant, environment, outcome, id);
-- Workers serve all realms, so these do not begin with one.
CREATE INDEX notifications_due ON sk_tickets.notifications (claimable_at, id, tenant, environment) INCLUDE (created_at)
    WHERE outcome = 'pending';
CREATE INDEX notifications_dead ON sk_tickets.notifications (id, tenant, environment) WHERE outcome = 'dead';
CREATE INDEX notifications_leased ON sk_tickets.notifications (lease_owner) WHERE lease_owner IS NOT NULL;
-- The last one, as with tickets.
ALTER TABLE sk_tickets.notifications ADD CONSTRAINT notifications_key PRIMARY KEY (tenant, environment, id);

-- Append-only for everyone, but for the role that redacts, which has grants on columns of words alone, and the one that
-- drops what is old. The application role has no such grant at all.
CREATE FUNCTION sk_tickets.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_user IN ('sk_tickets_redactor', 'sk_tickets_purger') THEN RETURN NEW; END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON sk_tickets.thread_entries
    FOR EACH ROW EXECUTE FUNCTION sk_tickets.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON sk_tickets.thread_entries
    FOR EACH STATEMENT EXECUTE FUNCTION sk_tickets.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON sk_tickets.events
    FOR EACH ROW EXECUTE FUNCTION sk_tickets.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON sk_tickets.events
    FOR EACH STATEMENT EXECUTE FUNCTION sk_tickets.refuse_change();
