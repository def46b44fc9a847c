-- What takes more than one statement is a function, so that it is one round trip. Those that the application runs as
-- itself enter the realm first and are bound by its policies. Those of the outbox and the directory, in the files after
-- this one, are doors: they run as roles of their own, which have just what they need. Names are qualified everywhere: no
-- search_path leads astray.

CREATE FUNCTION sk_tickets.enter(p_tenant bigint, p_environment smallint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('sk_tickets.tenant', p_tenant::text, true),
            set_config('sk_tickets.environment', p_environment::text, true);
END $$;

-- The smallest id that could have been made at a time.
CREATE FUNCTION sk_tickets.id_floor(p_at bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex(LEAST(GREATEST(p_at, 0), 281474976710655)), 12, '0') || repeat('0', 20))::uuid
$$;

-- The text of a ULID (Crockford's base 32): 128 bits, and two zeros before them, five to a letter.
CREATE FUNCTION sk_tickets.ulid(p_id uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + substring(bits FROM at FOR 5)::bit(5)::integer, 1), ''
                      ORDER BY at)
    FROM (SELECT B'00' || ('x' || replace(p_id::text, '-', ''))::bit(128) AS bits) AS id, generate_series(1, 126, 5) AS at
$$;

-- The id of the delivery of an event to an endpoint, as the core derives it.
CREATE FUNCTION sk_tickets.delivery_id(p_event uuid, p_endpoint uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(
        substring(uuid_send(p_event) FOR 6)
            || substring(sha256(uuid_send(p_event) || uuid_send(p_endpoint)) FOR 10),
        'hex')::uuid
$$;

-- The feed -----------------------------------------------------------------------------------------------------------

-- Gives the events that were committed their places. See feed.rs for why no place is ever filled late. Who need not do
-- it does not wait for who does.
CREATE FUNCTION sk_tickets.number_events(p_tenant bigint, p_environment smallint, p_wait boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_last bigint;
    v_count bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM sk_tickets.feed_pending WHERE tenant = p_tenant AND environment = p_environment) THEN
        RETURN;
    END IF;
    IF p_wait THEN
        SELECT last_position INTO v_last FROM sk_tickets.realms
        WHERE tenant = p_tenant AND environment = p_environment FOR NO KEY UPDATE;
    ELSE
        SELECT last_position INTO v_last FROM sk_tickets.realms
        WHERE tenant = p_tenant AND environment = p_environment FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN RETURN; END IF;
    END IF;
    -- A statement of its own: it sees all that was committed before the row above was ours.
    WITH taken AS (
        DELETE FROM sk_tickets.feed_pending WHERE tenant = p_tenant AND environment = p_environment
        RETURNING event_id, ticket_id, ticket_version, arrival
    ), ranked AS (
        -- In order of arrival, but no event before an earlier one of its ticket, whatever the numbers say.
        SELECT event_id, ticket_id, ticket_version,
               max(arrival) OVER (PARTITION BY ticket_id ORDER BY ticket_version, event_id) AS no_sooner
        FROM taken
    ), placed AS (
        INSERT INTO sk_tickets.feed (tenant, environment, position, event_id)
        SELECT p_tenant, p_environment,
               v_last + row_number() OVER (ORDER BY no_sooner, ticket_id, ticket_version, event_id), event_id
        FROM ranked
        RETURNING position
    )
    SELECT count(*) INTO v_count FROM placed;
    UPDATE sk_tickets.realms SET last_position = v_last + v_count
    WHERE tenant = p_tenant AND environment = p_environment;
END $$;

-- Places in queues ----------------------------------------------------------------------------------------------------
--
-- See places.rs for why a place is exact whatever is going on here.

-- Brings what has moved into the blocks, cuts those that have grown and merges those that have shrunk. Who need not do it
-- does not wait for who does.
CREATE FUNCTION sk_tickets.fold_places(p_tenant bigint, p_environment smallint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    block_max constant bigint := 256;
    merged_max constant bigint := 128;
    -- Where the first block of a lane begins: before every place.
    first_at constant bigint := -9223372036854775808;
    first_id constant uuid := '00000000-0000-0000-0000-000000000000';
    touched sk_tickets.queue_blocks;
    block sk_tickets.queue_blocks;
    other sk_tickets.queue_blocks;
    kept bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM sk_tickets.queue_moves WHERE tenant = p_tenant AND environment = p_environment) THEN
        RETURN;
    END IF;
    PERFORM FROM sk_tickets.realms
    WHERE tenant = p_tenant AND environment = p_environment FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN RETURN; END IF;
    FOR touched IN
        WITH taken AS (
            DELETE FROM sk_tickets.queue_moves WHERE tenant = p_tenant AND environment = p_environment
            RETURNING queue, priority, queued_at, ticket_id, delta
        ), placed AS (
            SELECT taken.queue, taken.priority, COALESCE(b.start_at, first_at) AS start_at,
                   COALESCE(b.start_id, first_id) AS start_id, sum(taken.delta) AS delta
            FROM taken LEFT JOIN LATERAL (
                SELECT start_at, start_id FROM sk_tickets.queue_blocks
                WHERE tenant = p_tenant AND environment = p_environment
                  AND queue = taken.queue AND priority = taken.priority
                  AND (start_at, start_id) <= (taken.queued_at, taken.ticket_id)
                ORDER BY start_at DESC, start_id DESC LIMIT 1
            ) AS b ON true
            GROUP BY 1, 2, 3, 4
        )
        INSERT INTO sk_tickets.queue_blocks AS b (tenant, environment, queue, priority, start_at, start_id, waiting)
        SELECT p_tenant, p_environment, queue, priority, start_at, start_id, delta FROM placed WHERE delta <> 0
        ON CONFLICT ON CONSTRAINT queue_blocks_key DO UPDATE SET waiting = b.waiting + EXCLUDED.waiting
        RETURNING b.*
    LOOP
        -- One that was merged with another meanwhile is gone.
        SELECT * INTO block FROM sk_tickets.queue_blocks
        WHERE tenant = p_tenant AND environment = p_environment AND queue = touched.queue
          AND priority = touched.priority AND start_at = touched.start_at AND start_id = touched.start_id;
        CONTINUE WHEN NOT FOUND;

        WHILE block.waiting > block_max LOOP
            other := block;
            SELECT queued_at, id INTO other.start_at, other.start_id FROM sk_tickets.tickets
            WHERE tenant = p_tenant AND environment = p_environment
              AND queue = block.queue AND priority = block.priority AND queued_at IS NOT NULL
              AND (queued_at, id) >= (block.start_at, block.start_id)
            ORDER BY queued_at, id LIMIT 1 OFFSET block_max / 2;
            EXIT WHEN NOT FOUND;
            -- What is to be seen of tickets, less what is to be seen of moves, is what the blocks have: in any snapshot, so
            -- in that of this statement.
            kept := (
                SELECT count(*) FROM sk_tickets.tickets
                WHERE tenant = p_tenant AND environment = p_environment
                  AND queue = block.queue AND priority = block.priority AND queued_at IS NOT NULL
                  AND (queued_at, id) >= (block.start_at, block.start_id)
                  AND (queued_at, id) < (other.start_at, other.start_id)
            ) - (
                SELECT COALESCE(sum(delta), 0) FROM sk_tickets.queue_moves
                WHERE tenant = p_tenant AND environment = p_environment
                  AND queue = block.queue AND priority = block.priority
                  AND (queued_at, ticket_id) >= (block.start_at, block.start_id)
                  AND (queued_at, ticket_id) < (other.start_at, other.start_id)
            );
            -- The place that was found may be in a later block, since some who left are counted in this one still.
            EXIT WHEN EXISTS (
                SELECT FROM sk_tickets.queue_blocks AS b
                WHERE b.tenant = p_tenant AND b.environment = p_environment AND b.queue = block.queue
                  AND b.priority = block.priority AND (b.start_at, b.start_id) > (block.start_at, block.start_id)
                  AND (b.start_at, b.start_id) <= (other.start_at, other.start_id)
            );
            other.waiting := block.waiting - kept;
            UPDATE sk_tickets.queue_blocks SET waiting = kept
            WHERE tenant = p_tenant AND environment = p_environment AND queue = block.queue
              AND priority = block.priority AND start_at = block.start_at AND start_id = block.start_id;
            INSERT INTO sk_tickets.queue_blocks SELECT other.*;
            block := other;
        END LOOP;

        -- However tickets leave, there never are many more blocks than those that wait would need.
        SELECT * INTO other FROM sk_tickets.queue_blocks
        WHERE tenant = p_tenant AND environment = p_environment AND queue = block.queue AND priority = block.priority
          AND (start_at, start_id) > (block.start_at, block.start_id)
        ORDER BY start_at, start_id LIMIT 1;
        IF FOUND AND block.waiting + other.waiting <= merged_max THEN
            PERFORM sk_tickets.merge_blocks(block, other);
            block.waiting := block.waiting + other.waiting;
        END IF;
        SELECT * INTO other FROM sk_tickets.queue_blocks
        WHERE tenant = p_tenant AND environment = p_environment AND queue = block.queue AND priority = block.priority
          AND (start_at, start_id) < (block.start_at, block.start_id)
        ORDER BY start_at DESC, start_id DESC LIMIT 1;
        IF FOUND AND other.waiting + block.waiting <= merged_max THEN
            PERFORM sk_tickets.merge_blocks(other, block);
        END IF;
    END LOOP;
END $$;

-- Makes two neighbours one.
CREATE FUNCTION sk_tickets.merge_blocks(p_first sk_tickets.queue_blocks, p_second sk_tickets.queue_blocks)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sk_tickets.queue_blocks
    WHERE tenant = p_second.tenant AND environment = p_second.environment AND queue = p_second.queue
      AND priority = p_second.priority AND start_at = p_second.start_at AND start_id = p_second.start_id;
    UPDATE sk_tickets.queue_blocks SET waiting = waiting + p_second.waiting
    WHERE tenant = p_first.tenant AND environment = p_first.environment AND queue = p_first.queue
      AND priority = p_first.priority AND start_at = p_first.start_at AND start_id = p_first.start_id;
END $$;

-- Commits ------------------------------------------------------------------------------------------------------------
--
-- Locks are taken in one order, so that no two commits wait for each other: keys, SLA policies, tickets, the realm,
-- endpoints, a contact, deliveries, a notification; of several of a kind the smallest first. Who claims the head of a queue
-- holds it before the key.

-- What a commit was decided on has changed: undoes it, the claim too.
CREATE FUNCTION sk_tickets.stale() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stale' USING ERRCODE = 'SKT01';
END $$;

-- Makes the pending deliveries of an endpoint dead, and any lease on them void. The caller holds the endpoint.
CREATE FUNCTION sk_tickets.bury_pending(p_tenant bigint, p_environment smallint, p_endpoint uuid, p_reason text)
RETURNS void LANGUAGE sql AS $$
    UPDATE sk_tickets.deliveries
    SET status = 'dead', reason = p_reason, next_attempt_at = NULL, claimable_at = NULL, lease_owner = NULL
    WHERE tenant = p_tenant AND environment = p_environment AND endpoint_id = p_endpoint AND status = 'pending'
$$;

-- Notes how far the times in new ids are from what they should be, where that is further than ever before.
CREATE FUNCTION sk_tickets.note_skew(p_tenant bigint, p_environment smallint, p_ahead bigint, p_behind bigint)
RETURNS void LANGUAGE sql AS $$
    UPDATE sk_tickets.realms
    SET id_ahead_ms = GREATEST(id_ahead_ms, p_ahead), id_behind_ms = GREATEST(id_behind_ms, p_behind)
    WHERE tenant = p_tenant AND environment = p_environment
      AND (id_ahead_ms < p_ahead OR id_behind_ms < p_behind);
$$;

-- Adds events and their deliveries: to one endpoint, whatever it wants, or to all that want them. Answers if one is due.
--
-- The endpoints are locked FOR KEY SHARE, which waits for who holds one FOR UPDATE to disable or delete it, and then
-- reads the row anew. So no delivery stays pending for an endpoint that was disabled meanwhile.
CREATE FUNCTION sk_tickets.add_events(
    p_tenant bigint, p_environment smallint, p_ids uuid[], p_types text[], p_tickets uuid[], p_versions bigint[],
    p_at bigint[], p_payloads bytea[], p_only uuid
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    due boolean;
BEGIN
    INSERT INTO sk_tickets.events (tenant, environment, id, event_type, ticket_id, ticket_version, at, payload)
    SELECT p_tenant, p_environment, p_ids[i], p_types[i], p_tickets[i], p_versions[i], p_at[i], p_payloads[i]
    FROM generate_subscripts(p_ids, 1) AS i;

    INSERT INTO sk_tickets.feed_pending (tenant, environment, event_id, ticket_id, ticket_version)
    SELECT p_tenant, p_environment, p_ids[i], p_tickets[i], p_versions[i]
    FROM generate_subscripts(p_ids, 1) AS i WHERE p_tickets[i] IS NOT NULL;

    IF NOT EXISTS (SELECT FROM sk_tickets.endpoints
                   WHERE tenant = p_tenant AND environment = p_environment AND deleted_at IS NULL) THEN
        RETURN false;
    END IF;
    WITH event AS MATERIALIZED (
        SELECT p_ids[i] AS id, p_types[i] AS event_type, p_tickets[i] AS ticket_id, p_at[i] AS at
        FROM generate_subscripts(p_ids, 1) AS i
    ), endpoint AS MATERIALIZED (
        SELECT id, events, status FROM sk_tickets.endpoints
        WHERE tenant = p_tenant AND environment = p_environment AND deleted_at IS NULL
          AND (id = p_only OR (p_only IS NULL AND ('*' = ANY (events) OR events && p_types)))
        ORDER BY id FOR KEY SHARE
    ), made AS (
        INSERT INTO sk_tickets.deliveries (tenant, environment, id, endpoint_id, event_id, event_type, ticket_id, status,
                                           reason, next_attempt_at, claimable_at, created_at)
        SELECT p_tenant, p_environment, sk_tickets.delivery_id(event.id, endpoint.id), endpoint.id, event.id,
               event.event_type, event.ticket_id,
               CASE endpoint.status WHEN 'enabled' THEN 'pending' ELSE 'dead' END,
               CASE endpoint.status WHEN 'enabled' THEN NULL ELSE 'endpoint_disabled' END,
               CASE endpoint.status WHEN 'enabled' THEN event.at END,
               CASE endpoint.status WHEN 'enabled' THEN event.at END,
               event.at
        FROM endpoint JOIN event
            ON endpoint.id = p_only OR '*' = ANY (endpoint.events) OR event.event_type = ANY (endpoint.events)
        RETURNING deliveries.status
    )
    SELECT coalesce(bool_or(made.status = 'pending'), false) INTO due FROM made;
    RETURN due;
END $$;

-- Adds a notification, or ends the lease on one; the lease is checked by the statement that ends it.
CREATE FUNCTION sk_tickets.change_notification(p_tenant bigint, p_environment smallint, p_change jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    made sk_tickets.notifications;
BEGIN
    IF p_change->>'action' = 'create' THEN
        made := jsonb_populate_record(NULL::sk_tickets.notifications, p_change->'row');
        made.tenant := p_tenant;
        made.environment := p_environment;
        INSERT INTO sk_tickets.notifications SELECT made.* ON CONFLICT ON CONSTRAINT notifications_key DO NOTHING;
    ELSE
        UPDATE sk_tickets.notifications
        SET outcome = p_change->>'outcome', attempts = (p_change->>'attempts')::bigint,
            last_error = p_change->>'last_error', sent_at = (p_change->>'sent_at')::bigint, next_attempt_at = NULL,
            claimable_at = NULL, lease_owner = NULL
        WHERE tenant = p_tenant AND environment = p_environment AND id = (p_change->>'id')::uuid
          AND lease_token = (p_change->>'token')::bigint AND lease_owner IS NOT NULL;
    END IF;
    IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
END $$;

-- Makes a notification that is dead pending, with the schedule from its start.
CREATE FUNCTION sk_tickets.revive_notification(
    p_tenant bigint, p_environment smallint, p_at bigint, p_change jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sk_tickets.expect_ticket(p_tenant, p_environment, p_change->'ticket');
    UPDATE sk_tickets.notifications
    SET outcome = 'pending', recipient = p_change->>'recipient', next_attempt_at = p_at, claimable_at = p_at,
        failures = 0
    WHERE tenant = p_tenant AND environment = p_environment AND id = (p_change->>'id')::uuid AND outcome = 'dead';
    IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
END $$;

-- Lets no block of the index of words begin while the caller's transaction adds these tickets; before that it begins one
-- itself if the last one is full. A ticket is in the block whose ids it is among, so a block must not begin before a ticket
-- that another transaction puts into the one before: whoever begins one waits until nobody adds tickets to the realm.
CREATE FUNCTION sk_tickets.hold_blocks(p_tenant bigint, p_environment smallint, p_new uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    block_max constant bigint := 512;
    -- Any number will do, as long as all nodes take the same.
    lock_kind constant integer := 1701732171;
    lock_realm constant integer := (p_tenant * 2 + p_environment) % 2147483648;
    looks boolean := false;
    last sk_tickets.search_blocks;
    v_last uuid;
BEGIN
    -- One ticket in 64 has the last block counted.
    FOR i IN 1 .. cardinality(p_new) LOOP
        looks := looks OR get_byte(uuid_send(p_new[i]), 15) % 64 = 0;
    END LOOP;
    IF looks THEN looks := sk_tickets.is_full(sk_tickets.last_block(p_tenant, p_environment), block_max); END IF;
    IF NOT looks THEN
        PERFORM pg_advisory_xact_lock_shared(lock_kind, lock_realm);
        RETURN;
    END IF;

    PERFORM pg_advisory_xact_lock(lock_kind, lock_realm);
    -- By statements of their own, which see all that was committed before the lock was ours.
    last := sk_tickets.last_block(p_tenant, p_environment);
    IF NOT sk_tickets.is_full(last, block_max) THEN RETURN; END IF;
    -- It begins after all tickets that there are, with the millisecond after that of the last one.
    SELECT t.id INTO v_last FROM sk_tickets.tickets AS t
    WHERE t.tenant = p_tenant AND t.environment = p_environment ORDER BY t.id DESC LIMIT 1;
    INSERT INTO sk_tickets.search_blocks (tenant, environment, first_id, number)
    SELECT p_tenant, p_environment, next.id, last.number + 1
    FROM sk_tickets.id_floor(('x' || left(replace(v_last::text, '-', ''), 12))::bit(48)::bigint + 1) AS next (id)
    -- There is none after the last millisecond that an id can have.
    WHERE next.id > v_last;
END $$;

CREATE FUNCTION sk_tickets.last_block(p_tenant bigint, p_environment smallint) RETURNS sk_tickets.search_blocks
LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT b FROM sk_tickets.search_blocks AS b
            WHERE b.tenant = p_tenant AND b.environment = p_environment ORDER BY b.first_id DESC LIMIT 1);
END $$;

-- Whether the last block of a realm has so many tickets.
CREATE FUNCTION sk_tickets.is_full(p_last sk_tickets.search_blocks, p_most bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (SELECT FROM sk_tickets.tickets AS t
                   WHERE t.tenant = p_last.tenant AND t.environment = p_last.environment AND t.id >= p_last.first_id
                   ORDER BY t.id LIMIT 1 OFFSET p_most - 1);
END $$;

-- Changes what tickets can be found by: in how many more texts a word occurs, or in how many fewer. Which ticket is meant is
-- told by its place among those that are given with their blocks. The caller holds them.
CREATE FUNCTION sk_tickets.change_terms(
    p_tenant bigint, p_environment smallint, p_ids uuid[], p_blocks bigint[], p_terms text[], p_tickets integer[],
    p_texts bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sk_tickets.ticket_terms AS known (tenant, environment, block, term, ticket_id, texts)
    SELECT p_tenant, p_environment, p_blocks[c.ticket], c.term, p_ids[c.ticket], c.texts
    FROM unnest(p_terms, p_tickets, p_texts) AS c (term, ticket, texts) WHERE c.texts > 0
    ON CONFLICT ON CONSTRAINT ticket_terms_key DO UPDATE SET texts = known.texts + EXCLUDED.texts;

    IF 0 > ANY (p_texts) THEN
        DELETE FROM sk_tickets.ticket_terms AS known
        USING unnest(p_terms, p_tickets, p_texts) AS c (term, ticket, texts)
        WHERE known.tenant = p_tenant AND known.environment = p_environment AND known.block = p_blocks[c.ticket]
          AND known.term = c.term AND known.ticket_id = p_ids[c.ticket] AND known.texts <= -c.texts;
        UPDATE sk_tickets.ticket_terms AS known SET texts = known.texts + c.texts
        FROM unnest(p_terms, p_tickets, p_texts) AS c (term, ticket, texts)
        WHERE known.tenant = p_tenant AND known.environment = p_environment AND known.block = p_blocks[c.ticket]
          AND known.term = c.term AND known.ticket_id = p_ids[c.ticket] AND c.texts < 0;
    END IF;
END $$;

-- Changes a ticket that there is, and its places in queues and its tags; not what it can be found by. False if it is not in
-- the version that it is expected in.
CREATE FUNCTION sk_tickets.update_ticket(t sk_tickets.tickets, p_expect bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    before sk_tickets.tickets;
BEGIN
    SELECT version, tags, queue, priority, queued_at
    INTO before.version, before.tags, before.queue, before.priority, before.queued_at
    FROM sk_tickets.tickets
    WHERE tenant = t.tenant AND environment = t.environment AND id = t.id FOR NO KEY UPDATE;
    IF before.version IS DISTINCT FROM p_expect THEN RETURN false; END IF;

    UPDATE sk_tickets.tickets
    SET version = t.version, subject = t.subject, status = t.status, priority = t.priority, source = t.source,
        topic = t.topic, queue = t.queue, queued_at = t.queued_at, owner_id = t.owner_id,
        contact_id = t.contact_id, call_id = t.call_id, tags = t.tags, metadata = t.metadata,
        resolution_note = t.resolution_note, reopen_count = t.reopen_count, follow_up_of = t.follow_up_of,
        sla = t.sla, created_at = t.created_at, updated_at = t.updated_at,
        first_resolved_at = t.first_resolved_at, resolved_at = t.resolved_at, closed_at = t.closed_at,
        first_replied_at = t.first_replied_at, resolution_used_ms = t.resolution_used_ms,
        resolution_since = t.resolution_since, targets = t.targets,
        first_response_breached_at = t.first_response_breached_at,
        resolution_breached_at = t.resolution_breached_at, auto_close_at = t.auto_close_at, wakes_at = t.wakes_at,
        at_risk_at = t.at_risk_at, clocked = t.clocked
    WHERE tenant = t.tenant AND environment = t.environment AND id = t.id;

    IF (before.queue, before.priority, before.queued_at) IS DISTINCT FROM (t.queue, t.priority, t.queued_at) THEN
        INSERT INTO sk_tickets.queue_moves (tenant, environment, queue, priority, queued_at, ticket_id, delta)
        SELECT t.tenant, t.environment, place.queue, place.priority, place.queued_at, t.id, place.delta
        FROM (VALUES (before.queue, before.priority, before.queued_at, -1), (t.queue, t.priority, t.queued_at, 1))
            AS place (queue, priority, queued_at, delta)
        WHERE place.queued_at IS NOT NULL;
    END IF;

    IF t.tags <> before.tags THEN
        DELETE FROM sk_tickets.ticket_tags
        WHERE tenant = t.tenant AND environment = t.environment AND ticket_id = t.id
          AND tag = ANY (before.tags) AND tag <> ALL (t.tags);
        INSERT INTO sk_tickets.ticket_tags (tenant, environment, tag, ticket_id)
        SELECT t.tenant, t.environment, tag, t.id FROM unnest(t.tags) AS tag
        ON CONFLICT ON CONSTRAINT ticket_tags_key DO NOTHING;
    END IF;
    RETURN true;
END $$;

-- Stores commits that change tickets, all of them or none: no two have the same key or the same ticket, and they come in the
-- order of their tickets. The outcome of each is `done`, `due` (done, and there is something for workers to do), `stale`,
-- `recorded` with what is recorded of the key, or `again`: it was not stored since another could not be.
--
-- Written a table at a time, not a commit at a time: most of what a small statement costs is to begin and to end.
CREATE FUNCTION sk_tickets.commit_tickets(
    p_tenant bigint, p_environment smallint,
    -- Of each commit. No key is claimed where it is null.
    p_at bigint[], p_key text[], p_fingerprint bytea[], p_status integer[], p_location text[], p_etag text[],
    p_content_type text[], p_body bytea[], p_secret_at bigint[], p_secret bytea[], p_shows uuid[],
    -- The ticket of each, the version that must be there (null: none may be), and the policy that must be in force.
    p_tickets sk_tickets.tickets[], p_expect bigint[], p_policy smallint[], p_revision bigint[],
    p_entries sk_tickets.thread_entries[],
    -- The words of new tickets, and how those of others change; a ticket is told by its place among those above.
    p_words text[], p_word_tickets integer[], p_word_texts bigint[],
    p_terms text[], p_term_tickets integer[], p_term_texts bigint[],
    p_events uuid[], p_event_types text[], p_event_tickets uuid[], p_event_versions bigint[], p_event_at bigint[],
    p_payloads bytea[], p_ahead bigint, p_behind bigint,
    -- A contact, a notification and a redaction, if there is only one commit.
    p_along jsonb
) RETURNS TABLE (
    outcome text, fingerprint bytea, status integer, location text, etag text, content_type text, body bytea,
    secret_at bigint, secret bytea
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    claimed bigint;
    made bigint;
    due boolean := false;
    new_tickets sk_tickets.tickets[];
    ids uuid[];
    new_ids uuid[];
    -- That of each ticket in the index of words.
    blocks bigint[];
    stale boolean[] := array_fill(false, ARRAY[cardinality(p_tickets)]);
    v_priority smallint;
    v_revision bigint;
BEGIN
    PERFORM sk_tickets.enter(p_tenant, p_environment);
    -- Entered without an exception in all but rare cases, so this costs one subtransaction however many commits there are.
    BEGIN
        FOR i IN 1 .. cardinality(p_tickets) LOOP
            ids[i] := p_tickets[i].id;
            IF p_expect[i] IS NULL THEN new_ids := new_ids || ids[i]; END IF;
        END LOOP;
        -- Before all else that is waited for, so that nobody waits for us who holds them.
        IF new_ids IS NOT NULL THEN PERFORM sk_tickets.hold_blocks(p_tenant, p_environment, new_ids); END IF;
        -- The array is a subquery, or the statement would be planned anew for each.
        blocks := ARRAY(
            SELECT (SELECT b.number FROM sk_tickets.search_blocks AS b
                    WHERE b.tenant = p_tenant AND b.environment = p_environment AND b.first_id <= t.id
                    ORDER BY b.first_id DESC LIMIT 1)
            FROM unnest((SELECT ids)) WITH ORDINALITY AS t (id, place) ORDER BY t.place
        );
        -- Waits for concurrent twins.
        claimed := cardinality(array_remove(p_key, NULL));
        INSERT INTO sk_tickets.claims
            (tenant, environment, key, fingerprint, status, location, etag, content_type, body, secret_at, secret,
             ticket_id, created_at)
        SELECT p_tenant, p_environment, p_key[i], p_fingerprint[i], p_status[i], p_location[i], p_etag[i],
               p_content_type[i], p_body[i], p_secret_at[i], p_secret[i], p_shows[i], p_at[i]
        FROM generate_subscripts(p_key, 1) AS i WHERE p_key[i] IS NOT NULL ORDER BY p_key[i]
        ON CONFLICT ON CONSTRAINT claims_key DO NOTHING;
        GET DIAGNOSTICS made = ROW_COUNT;
        IF made < claimed THEN PERFORM sk_tickets.stale(); END IF;

        FOR v_priority IN SELECT DISTINCT p FROM unnest(p_policy) AS p WHERE p IS NOT NULL ORDER BY p LOOP
            -- FOR KEY SHARE, which waits for who holds it FOR UPDATE to change it, and then reads the row anew. So none slips
            -- through that was decided on the policy before: it is stored before the change, and the work about that finds
            -- it.
            SELECT revision INTO v_revision FROM sk_tickets.sla_policies
            WHERE tenant = p_tenant AND environment = p_environment AND priority = v_priority FOR KEY SHARE;
            FOR i IN 1 .. cardinality(p_policy) LOOP
                IF p_policy[i] = v_priority AND p_revision[i] <> coalesce(v_revision, 0) THEN stale[i] := true; END IF;
            END LOOP;
        END LOOP;

        FOR i IN 1 .. cardinality(p_expect) LOOP
            CONTINUE WHEN p_expect[i] IS NULL OR stale[i];
            stale[i] := NOT sk_tickets.update_ticket(p_tickets[i], p_expect[i]);
        END LOOP;
        IF new_ids IS NOT NULL THEN
            new_tickets := ARRAY(
                SELECT p_tickets[i] FROM generate_subscripts(p_tickets, 1) AS i WHERE p_expect[i] IS NULL ORDER BY i
            );
            INSERT INTO sk_tickets.tickets SELECT t.* FROM unnest(new_tickets) AS t
            ON CONFLICT ON CONSTRAINT tickets_key DO NOTHING;
            GET DIAGNOSTICS made = ROW_COUNT;
            IF made < cardinality(new_tickets) THEN PERFORM sk_tickets.stale(); END IF;
            INSERT INTO sk_tickets.queue_moves (tenant, environment, queue, priority, queued_at, ticket_id, delta)
            SELECT t.tenant, t.environment, t.queue, t.priority, t.queued_at, t.id, 1 FROM unnest(new_tickets) AS t
            WHERE t.queued_at IS NOT NULL;
            INSERT INTO sk_tickets.ticket_tags (tenant, environment, tag, ticket_id)
            SELECT DISTINCT t.tenant, t.environment, tag, t.id FROM unnest(new_tickets) AS t, unnest(t.tags) AS tag;
            -- A new one has no terms yet, so nothing need be looked for.
            INSERT INTO sk_tickets.ticket_terms (tenant, environment, block, term, ticket_id, texts)
            SELECT p_tenant, p_environment, blocks[w.ticket], w.term, ids[w.ticket], w.texts
            FROM unnest(p_words, p_word_tickets, p_word_texts) AS w (term, ticket, texts);
        END IF;
        IF true = ANY (stale) THEN PERFORM sk_tickets.stale(); END IF;

        IF p_terms <> '{}' THEN
            PERFORM sk_tickets.change_terms(p_tenant, p_environment, ids, blocks, p_terms, p_term_tickets, p_term_texts);
        END IF;
        INSERT INTO sk_tickets.thread_entries SELECT e.* FROM unnest(p_entries) AS e;
        IF p_ahead > 0 OR p_behind > 0 THEN
            PERFORM sk_tickets.note_skew(p_tenant, p_environment, p_ahead, p_behind);
        END IF;
        IF p_events <> '{}' THEN
            due := sk_tickets.add_events(p_tenant, p_environment, p_events, p_event_types, p_event_tickets,
                                         p_event_versions, p_event_at, p_payloads, NULL);
        END IF;

        IF p_along->>'contact' IS NOT NULL THEN
            -- Whichever of its handles is taken.
            INSERT INTO sk_tickets.contacts
            SELECT * FROM jsonb_populate_record(NULL::sk_tickets.contacts, p_along->'contact')
            ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
        END IF;
        IF p_along->>'redaction' IS NOT NULL THEN
            IF NOT sk_tickets.redact(p_tenant, p_environment, p_along->'redaction', p_payloads) THEN
                PERFORM sk_tickets.stale();
            END IF;
            due := true;
        END IF;
        IF p_along->>'notification' IS NOT NULL THEN
            PERFORM sk_tickets.change_notification(p_tenant, p_environment, p_along->'notification');
        END IF;

        -- One event in 256 has those that there are numbered, so that there is never much for the first read after a long
        -- time; and what has moved folded, so that there is never much for any read.
        IF EXISTS (SELECT FROM unnest(p_events) AS event WHERE right(event::text, 2) = '00') THEN
            PERFORM sk_tickets.number_events(p_tenant, p_environment, false);
            PERFORM sk_tickets.fold_places(p_tenant, p_environment);
        END IF;
        RETURN QUERY
        SELECT CASE WHEN due THEN 'due' ELSE 'done' END, NULL::bytea, NULL::integer, NULL::text, NULL::text, NULL::text,
               NULL::bytea, NULL::bigint, NULL::bytea
        FROM generate_subscripts(p_tickets, 1);
        RETURN;
    EXCEPTION WHEN SQLSTATE 'SKT01' OR deadlock_detected THEN
        -- Undone, and told below why. Who claims has a ticket before the key, so it may be in the way of another request
        -- with the same key: that counts as stale too.
        NULL;
    END;

    RETURN QUERY
    WITH judged AS (
        SELECT i, c.*,
               CASE WHEN c.key IS NOT NULL THEN 'recorded'
                    WHEN stale[i] OR (p_expect[i] IS NULL AND t.known) THEN 'stale' END AS why
        FROM generate_subscripts(p_tickets, 1) AS i
        LEFT JOIN LATERAL (
            SELECT * FROM sk_tickets.claims AS claims
            WHERE claims.tenant = p_tenant AND claims.environment = p_environment AND claims.key = p_key[i] OFFSET 0
        ) AS c ON true
        LEFT JOIN LATERAL (
            SELECT true AS known FROM sk_tickets.tickets AS tickets
            WHERE tickets.tenant = p_tenant AND tickets.environment = p_environment AND tickets.id = (p_tickets[i]).id
            OFFSET 0
        ) AS t ON true
    )
    SELECT coalesce(j.why, CASE WHEN count(j.why) OVER () = 0 THEN 'stale' ELSE 'again' END), j.fingerprint, j.status,
           j.location, j.etag, j.content_type, j.body, j.secret_at, j.secret
    FROM judged AS j ORDER BY j.i;
END $$;

-- A change that changes nothing is answered with the ticket as it was found. Locks it so that no change of it, a redaction
-- above all, comes between the look and the record.
CREATE FUNCTION sk_tickets.expect_ticket(p_tenant bigint, p_environment smallint, p_change jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM sk_tickets.tickets
    WHERE tenant = p_tenant AND environment = p_environment AND id = (p_change->>'id')::uuid
      AND version = (p_change->>'version')::bigint
    FOR SHARE;
    IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
END $$;

-- Replaces words in all that has them: the one door to what else is append-only, run as a role of its own with grants on
-- just these columns. Row-level security binds that role to the realm as it binds the application, and nothing is replaced
-- unless the thread says so in its last entry. False if there are answers that it was not decided on.
--
-- The caller holds the ticket, so no answer that shows it is recorded meanwhile. Deliveries are locked before what
-- receivers have answered is replaced, those that nobody has too: whoever settles an attempt has done so before, and is
-- seen, or finds the lease void; and whoever claims one reads its payload after that.
CREATE FUNCTION sk_tickets.redact(p_tenant bigint, p_environment smallint, p_change jsonb, p_bytes bytea[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ticket uuid := p_change->>'ticket_id';
    v_noted jsonb;
    v_events uuid[];
    v_deliveries uuid[];
BEGIN
    SELECT detail INTO v_noted FROM sk_tickets.thread_entries
    WHERE tenant = p_tenant AND environment = p_environment AND ticket_id = v_ticket ORDER BY sequence DESC LIMIT 1;
    IF v_noted->>'kind' IS DISTINCT FROM 'redaction'
        OR v_noted->>'entry_id' IS DISTINCT FROM 'ent_' || sk_tickets.ulid((p_change->'entry'->>'id')::uuid)
    THEN
        RAISE EXCEPTION 'a redaction must be noted in the thread' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (SELECT count(*) FROM sk_tickets.claims
        WHERE tenant = p_tenant AND environment = p_environment AND ticket_id = v_ticket)
        <> (p_change->>'answers_seen')::bigint
    THEN
        RETURN false;
    END IF;

    UPDATE sk_tickets.thread_entries
    SET body = p_change->'entry'->>'body', evidence = p_change->'entry'->'evidence', detail = p_change->'entry'->'detail'
    WHERE tenant = p_tenant AND environment = p_environment AND ticket_id = v_ticket
      AND id = (p_change->'entry'->>'id')::uuid;

    WITH replaced AS (
        UPDATE sk_tickets.events AS e SET payload = given.bytes
        FROM jsonb_to_recordset(p_change->'payloads') AS n (id uuid, number bigint)
        JOIN unnest(p_bytes) WITH ORDINALITY AS given (bytes, number) USING (number)
        WHERE e.tenant = p_tenant AND e.environment = p_environment AND e.ticket_id = v_ticket AND e.id = n.id
          AND length(e.payload) > 0
        RETURNING e.id
    )
    SELECT coalesce(array_agg(replaced.id ORDER BY replaced.id), '{}') INTO v_events FROM replaced;

    -- The time in a delivery's id is that of its event, so they are a range of ids.
    WITH held AS MATERIALIZED (
        SELECT d.id FROM unnest(v_events) AS event
        CROSS JOIN LATERAL (
            SELECT id FROM sk_tickets.deliveries
            WHERE tenant = p_tenant AND environment = p_environment AND event_id = event
              AND id BETWEEN (left(event::text, 13) || '-0000-0000-000000000000')::uuid
                         AND (left(event::text, 13) || '-ffff-ffff-ffffffffffff')::uuid
            ORDER BY id FOR NO KEY UPDATE
        ) AS d
    ), freed AS (
        UPDATE sk_tickets.deliveries AS d
        SET lease_owner = NULL, claimable_at = d.next_attempt_at
        FROM held WHERE d.tenant = p_tenant AND d.environment = p_environment AND d.id = held.id
        RETURNING d.id
    )
    SELECT coalesce(array_agg(freed.id), '{}') INTO v_deliveries FROM freed;
    UPDATE sk_tickets.delivery_attempts
    SET error = CASE WHEN error IS NOT NULL THEN convert_to(p_change->>'tombstone', 'UTF8') END,
        response = CASE WHEN response IS NOT NULL THEN convert_to(p_change->>'tombstone', 'UTF8') END
    WHERE tenant = p_tenant AND environment = p_environment AND delivery_id = ANY (v_deliveries);

    UPDATE sk_tickets.notifications AS t
    SET subject = n.subject, text = n.text,
        last_error = CASE WHEN t.last_error IS NOT NULL THEN p_change->>'tombstone' END
    FROM jsonb_to_recordset(p_change->'notifications') AS n (id uuid, subject text, text text)
    WHERE t.tenant = p_tenant AND t.environment = p_environment AND t.ticket_id = v_ticket AND t.id = n.id;

    UPDATE sk_tickets.claims AS c SET body = given.bytes
    FROM jsonb_to_recordset(p_change->'answers') AS n (key text, number bigint)
    JOIN unnest(p_bytes) WITH ORDINALITY AS given (bytes, number) USING (number)
    WHERE c.tenant = p_tenant AND c.environment = p_environment AND c.ticket_id = v_ticket AND c.key = n.key;
    RETURN true;
END $$;

-- Drops what is old, as a role that may do just that; false if there is nothing.
CREATE FUNCTION sk_tickets.purge(p_tenant bigint, p_environment smallint, p_purge jsonb)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_before bigint := p_purge->>'before';
    v_limit bigint := p_purge->>'limit';
    v_realm sk_tickets.realms;
    v_last bigint;
    v_old uuid[];
BEGIN
    CASE p_purge->>'what'
        WHEN 'answers' THEN
            WITH old AS MATERIALIZED (
                SELECT key FROM sk_tickets.claims
                WHERE tenant = p_tenant AND environment = p_environment AND created_at < v_before
                  AND fingerprint <> '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea
                ORDER BY created_at LIMIT v_limit FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE sk_tickets.claims AS c
            SET fingerprint = '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea, etag = NULL, content_type = NULL,
                body = '', secret_at = NULL, secret = NULL, ticket_id = NULL
            FROM old WHERE c.tenant = p_tenant AND c.environment = p_environment AND c.key = old.key;
        WHEN 'events' THEN
            -- One at a time in a realm. What needs an event never comes to need it anew, so none is looked at twice.
            SELECT * INTO v_realm FROM sk_tickets.realms
            WHERE tenant = p_tenant AND environment = p_environment FOR NO KEY UPDATE;
            WITH first AS MATERIALIZED (
                SELECT f.position, e.id,
                       e.at >= v_before OR EXISTS (
                           SELECT FROM sk_tickets.deliveries AS d
                           WHERE d.tenant = p_tenant AND d.environment = p_environment AND d.event_id = e.id
                             AND d.id BETWEEN (left(e.id::text, 13) || '-0000-0000-000000000000')::uuid
                                          AND (left(e.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid
                             AND (d.status = 'pending'
                                  OR (d.status = 'dead' AND d.reason IN ('exhausted', 'endpoint_disabled')))
                       ) AS stays
                FROM sk_tickets.feed AS f
                JOIN sk_tickets.events AS e ON e.tenant = f.tenant AND e.environment = f.environment AND e.id = f.event_id
                WHERE f.tenant = p_tenant AND f.environment = p_environment AND f.position > v_realm.purged_position
                ORDER BY f.position LIMIT v_limit
            )
            SELECT max(position), array_agg(id) INTO v_last, v_old FROM first
            WHERE position < ALL (SELECT position FROM first WHERE stays);
            UPDATE sk_tickets.events SET payload = ''
            WHERE tenant = p_tenant AND environment = p_environment AND id = ANY (v_old);
            UPDATE sk_tickets.realms SET purged_position = v_last
            WHERE tenant = p_tenant AND environment = p_environment AND v_last IS NOT NULL;
        WHEN 'deliveries' THEN
            SELECT * INTO v_realm FROM sk_tickets.realms WHERE tenant = p_tenant AND environment = p_environment;
            WITH old AS MATERIALIZED (
                SELECT id FROM sk_tickets.deliveries AS d
                WHERE tenant = p_tenant AND environment = p_environment AND status <> 'pending' AND created_at < v_before
                  AND id <= (lpad(to_hex(v_before + v_realm.id_ahead_ms), 12, '0') || repeat('f', 20))::uuid
                  AND NOT EXISTS (SELECT FROM sk_tickets.delivery_attempts AS a
                                  WHERE a.tenant = p_tenant AND a.environment = p_environment AND a.delivery_id = d.id
                                    AND a.at >= v_before)
                ORDER BY id LIMIT v_limit FOR UPDATE SKIP LOCKED
            )
            SELECT array_agg(id) INTO v_old FROM old;
            DELETE FROM sk_tickets.delivery_attempts
            WHERE tenant = p_tenant AND environment = p_environment AND delivery_id = ANY (v_old);
            DELETE FROM sk_tickets.deliveries
            WHERE tenant = p_tenant AND environment = p_environment AND id = ANY (v_old);
            UPDATE sk_tickets.realms SET deliveries_purged_before = greatest(deliveries_purged_before, v_before)
            WHERE tenant = p_tenant AND environment = p_environment AND v_old IS NOT NULL;
        WHEN 'responses' THEN
            WITH old AS MATERIALIZED (
                SELECT delivery_id, number FROM sk_tickets.delivery_attempts
                WHERE tenant = p_tenant AND environment = p_environment AND at < v_before AND response IS NOT NULL
                ORDER BY at LIMIT v_limit FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE sk_tickets.delivery_attempts AS a SET response = NULL FROM old
            WHERE a.tenant = p_tenant AND a.environment = p_environment AND a.delivery_id = old.delivery_id
              AND a.number = old.number;
    END CASE;
    RETURN FOUND;
END $$;

-- The contact is locked before it is compared; that no two have the same handle is for the indexes to say.
CREATE FUNCTION sk_tickets.change_contact(p_tenant bigint, p_environment smallint, p_change jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    after sk_tickets.contacts := jsonb_populate_record(NULL::sk_tickets.contacts, p_change->'after');
    current sk_tickets.contacts;
BEGIN
    IF p_change->>'action' = 'create' THEN
        INSERT INTO sk_tickets.contacts SELECT after.* ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
        RETURN;
    END IF;

    SELECT * INTO current FROM sk_tickets.contacts
    WHERE tenant = p_tenant AND environment = p_environment AND id = after.id FOR UPDATE;
    IF NOT FOUND OR jsonb_populate_record(current, p_change->'before') IS DISTINCT FROM current THEN
        PERFORM sk_tickets.stale();
    END IF;
    UPDATE sk_tickets.contacts
    SET name = after.name, email = after.email, phone = after.phone, created_at = after.created_at
    WHERE tenant = p_tenant AND environment = p_environment AND id = after.id;
EXCEPTION WHEN unique_violation OR deadlock_detected THEN
    -- Of two that exchange their handles each waits for the other.
    PERFORM sk_tickets.stale();
END $$;

-- One change at a time in a realm, so that each sees all that the others did; they are few.
CREATE FUNCTION sk_tickets.change_queue(p_tenant bigint, p_environment smallint, p_change jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    after sk_tickets.queues := jsonb_populate_record(NULL::sk_tickets.queues, p_change->'after');
    current sk_tickets.queues;
    topics_before text[] := '{}';
BEGIN
    PERFORM FROM sk_tickets.realms WHERE tenant = p_tenant AND environment = p_environment FOR NO KEY UPDATE;
    IF p_change->>'action' = 'create' THEN
        IF (SELECT count(*) FROM sk_tickets.queues WHERE tenant = p_tenant AND environment = p_environment)
            <> (p_change->>'others')::bigint
        THEN
            PERFORM sk_tickets.stale();
        END IF;
        -- Whichever of its keys is taken.
        INSERT INTO sk_tickets.queues SELECT after.* ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
    ELSE
        SELECT * INTO current FROM sk_tickets.queues
        WHERE tenant = p_tenant AND environment = p_environment AND id = after.id FOR UPDATE;
        IF NOT FOUND OR jsonb_populate_record(current, p_change->'before') IS DISTINCT FROM current THEN
            PERFORM sk_tickets.stale();
        END IF;
        topics_before := current.topics;
        -- The key never changes.
        UPDATE sk_tickets.queues
        SET name = after.name, topics = after.topics, default_owner_id = after.default_owner_id,
            default_priority = after.default_priority, created_at = after.created_at
        WHERE tenant = p_tenant AND environment = p_environment AND id = after.id;
        DELETE FROM sk_tickets.queue_topics
        WHERE tenant = p_tenant AND environment = p_environment
          AND topic = ANY (topics_before) AND topic <> ALL (after.topics);
    END IF;
    INSERT INTO sk_tickets.queue_topics (tenant, environment, topic, queue_id)
    SELECT p_tenant, p_environment, topic, after.id FROM unnest(after.topics) AS topic
    WHERE topic <> ALL (topics_before)
    ON CONFLICT ON CONSTRAINT queue_topics_key DO NOTHING;
    IF (SELECT count(*) FROM sk_tickets.queue_topics
        WHERE tenant = p_tenant AND environment = p_environment AND topic = ANY (after.topics) AND queue_id = after.id)
        <> cardinality(after.topics)
    THEN
        PERFORM sk_tickets.stale();
    END IF;
END $$;

-- One change at a time in a realm, as with queues.
CREATE FUNCTION sk_tickets.change_form(p_tenant bigint, p_environment smallint, p_change jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    after sk_tickets.forms := jsonb_populate_record(NULL::sk_tickets.forms, p_change->'after');
    current sk_tickets.forms;
BEGIN
    PERFORM FROM sk_tickets.realms WHERE tenant = p_tenant AND environment = p_environment FOR NO KEY UPDATE;
    IF p_change->>'action' = 'create' THEN
        IF (SELECT count(*) FROM sk_tickets.forms WHERE tenant = p_tenant AND environment = p_environment)
            <> (p_change->>'others')::bigint
        THEN
            PERFORM sk_tickets.stale();
        END IF;
        -- Also if the id is another realm's.
        INSERT INTO sk_tickets.forms SELECT after.* ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
        RETURN;
    END IF;

    SELECT * INTO current FROM sk_tickets.forms
    WHERE tenant = p_tenant AND environment = p_environment AND id = after.id FOR UPDATE;
    IF NOT FOUND OR jsonb_populate_record(current, p_change->'before') IS DISTINCT FROM current THEN
        PERFORM sk_tickets.stale();
    END IF;
    UPDATE sk_tickets.forms
    SET name = after.name, topics = after.topics, allowed_origins = after.allowed_origins, locale = after.locale,
        theme = after.theme, created_at = after.created_at
    WHERE tenant = p_tenant AND environment = p_environment AND id = after.id;
END $$;

CREATE FUNCTION sk_tickets.change_policy(p_tenant bigint, p_environment smallint, p_change jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    after sk_tickets.sla_policies;
    v_revision bigint;
BEGIN
    IF p_change->>'action' = 'progress' THEN
        UPDATE sk_tickets.sla_policies
        SET changed = p_change->>'to' IS NOT NULL, last_seen = (p_change->>'to')::uuid
        WHERE tenant = p_tenant AND environment = p_environment AND priority = (p_change->>'priority')::smallint
          AND revision = (p_change->>'revision')::bigint AND changed
          AND last_seen IS NOT DISTINCT FROM (p_change->>'from')::uuid;
        IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
        RETURN;
    END IF;

    after := jsonb_populate_record(NULL::sk_tickets.sla_policies, p_change->'policy' || '{"changed": true}');
    -- FOR UPDATE, so that commits that were decided on it wait: see commit_tickets.
    SELECT revision INTO v_revision FROM sk_tickets.sla_policies
    WHERE tenant = p_tenant AND environment = p_environment AND priority = after.priority FOR UPDATE;
    IF coalesce(v_revision, 0) <> (p_change->>'expect')::bigint THEN PERFORM sk_tickets.stale(); END IF;
    IF v_revision IS NULL THEN
        INSERT INTO sk_tickets.sla_policies SELECT after.* ON CONFLICT ON CONSTRAINT sla_policies_key DO NOTHING;
        IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
        RETURN;
    END IF;
    UPDATE sk_tickets.sla_policies
    SET id = after.id, revision = after.revision, first_response_seconds = after.first_response_seconds,
        resolution_seconds = after.resolution_seconds, warn_before_seconds = after.warn_before_seconds,
        created_at = after.created_at, updated_at = after.updated_at, changed = true, last_seen = NULL
    WHERE tenant = p_tenant AND environment = p_environment AND priority = after.priority;
END $$;

-- Picks the head of a queue for who is to get it, and locks it until their transaction ends. Heads that others
-- are about to take are passed over. If there is nothing else, it is waited what becomes of them: that none waits is said
-- only if it is so. Where the key is recorded, nothing is picked.
CREATE FUNCTION sk_tickets.queue_head(p_tenant bigint, p_environment smallint, p_key text, p_queue text)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    head uuid;
BEGIN
    PERFORM sk_tickets.enter(p_tenant, p_environment);
    IF EXISTS (SELECT FROM sk_tickets.claims AS c
               WHERE c.tenant = p_tenant AND c.environment = p_environment AND c.key = p_key) THEN
        RETURN NULL;
    END IF;
    LOOP
        BEGIN
            SELECT t.id INTO head FROM sk_tickets.tickets AS t
            WHERE t.tenant = p_tenant AND t.environment = p_environment AND t.queue = p_queue
              AND t.queued_at IS NOT NULL
            ORDER BY t.priority DESC, t.queued_at, t.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
            EXIT WHEN FOUND;
            -- With a snapshot of its own: others may have come meanwhile.
            SELECT t.id INTO head FROM sk_tickets.tickets AS t
            WHERE t.tenant = p_tenant AND t.environment = p_environment AND t.queue = p_queue
              AND t.queued_at IS NOT NULL
            ORDER BY t.priority DESC, t.queued_at, t.id LIMIT 1;
            IF NOT FOUND THEN RETURN NULL; END IF;
            -- Lets go of what was locked and turned out to be somebody's: who waits must hold nothing, or two of them could
            -- wait for each other.
            PERFORM sk_tickets.stale();
        EXCEPTION WHEN SQLSTATE 'SKT01' THEN NULL;
        END;
        BEGIN
            PERFORM FROM sk_tickets.tickets AS t
            WHERE t.tenant = p_tenant AND t.environment = p_environment AND t.id = head FOR NO KEY UPDATE;
            PERFORM sk_tickets.stale();
        EXCEPTION WHEN SQLSTATE 'SKT01' THEN NULL;
        END;
    END LOOP;
    RETURN head;
END $$;

CREATE FUNCTION sk_tickets.change_endpoint(
    p_tenant bigint, p_environment smallint, p_at bigint, p_change jsonb, p_payloads bytea[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := p_change->>'id';
    current sk_tickets.endpoints;
    after sk_tickets.endpoints;
BEGIN
    IF p_change->>'action' = 'create' THEN
        -- Two at once would both find room for the last one.
        PERFORM FROM sk_tickets.realms WHERE tenant = p_tenant AND environment = p_environment FOR NO KEY UPDATE;
        IF (SELECT count(*) FROM sk_tickets.endpoints
            WHERE tenant = p_tenant AND environment = p_environment AND deleted_at IS NULL)
            >= (p_change->>'limit')::bigint
        THEN
            PERFORM sk_tickets.stale();
        END IF;
        after := jsonb_populate_record(NULL::sk_tickets.endpoints, p_change->'endpoint');
        after.wanted_since := p_at;
        INSERT INTO sk_tickets.endpoints SELECT after.*
        ON CONFLICT ON CONSTRAINT endpoints_key DO NOTHING;
        IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
        RETURN false;
    END IF;

    IF p_change->>'action' = 'ping' THEN
        PERFORM sk_tickets.note_skew(p_tenant, p_environment, (p_change->>'id_ahead_ms')::bigint,
                                     (p_change->>'id_behind_ms')::bigint);
        PERFORM FROM sk_tickets.endpoints
        WHERE tenant = p_tenant AND environment = p_environment AND id = v_id AND deleted_at IS NULL FOR KEY SHARE;
        IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
        RETURN sk_tickets.add_events(
            p_tenant, p_environment, ARRAY[(p_change->>'event_id')::uuid], ARRAY[p_change->>'event_type'],
            ARRAY[NULL::uuid], ARRAY[NULL::bigint], ARRAY[(p_change->>'event_at')::bigint], p_payloads, v_id);
    END IF;

    -- FOR UPDATE, so that commits that fan out to it wait: see add_events.
    SELECT * INTO current FROM sk_tickets.endpoints
    WHERE tenant = p_tenant AND environment = p_environment AND id = v_id AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;

    IF p_change->>'action' = 'delete' THEN
        UPDATE sk_tickets.endpoints
        SET deleted_at = p_at, secret = '', old_secrets = '{}', old_secrets_until = '{}'
        WHERE tenant = p_tenant AND environment = p_environment AND id = v_id;
        UPDATE sk_tickets.deliveries SET reason = 'endpoint_deleted'
        WHERE tenant = p_tenant AND environment = p_environment AND endpoint_id = v_id
          AND status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled');
        PERFORM sk_tickets.bury_pending(p_tenant, p_environment, v_id, 'endpoint_deleted');
        RETURN false;
    END IF;

    -- What is not named in the change, the workers' own column above all, stays as it is.
    IF jsonb_populate_record(current, p_change->'before') IS DISTINCT FROM current THEN
        PERFORM sk_tickets.stale();
    END IF;
    after := jsonb_populate_record(current, p_change->'after');
    IF current.status = 'disabled' AND after.status = 'enabled' THEN after.failing_since := NULL; END IF;
    IF current.events <> after.events THEN after.wanted_since := p_at; END IF;
    UPDATE sk_tickets.endpoints
    SET url = after.url, description = after.description, events = after.events, status = after.status,
        disabled_reason = after.disabled_reason, failing_since = after.failing_since,
        created_at = after.created_at, secret = after.secret, old_secrets = after.old_secrets,
        old_secrets_until = after.old_secrets_until, wanted_since = after.wanted_since
    WHERE tenant = p_tenant AND environment = p_environment AND id = v_id;
    IF after.status = 'disabled' THEN
        PERFORM sk_tickets.bury_pending(p_tenant, p_environment, v_id, 'endpoint_disabled');
    ELSIF current.url <> after.url THEN
        -- What was answered at the old address is nothing to the new one.
        UPDATE sk_tickets.deliveries SET lease_owner = NULL, claimable_at = next_attempt_at
        WHERE tenant = p_tenant AND environment = p_environment AND endpoint_id = v_id AND lease_owner IS NOT NULL;
        RETURN FOUND;
    END IF;
    RETURN false;
END $$;

CREATE FUNCTION sk_tickets.change_delivery(p_tenant bigint, p_environment smallint, p_at bigint, p_change jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := p_change->>'id';
BEGIN
    IF p_change->>'ticket' IS NOT NULL THEN
        PERFORM sk_tickets.expect_ticket(p_tenant, p_environment, p_change->'ticket');
    END IF;
    IF p_change->>'action' = 'discard' THEN
        UPDATE sk_tickets.deliveries SET reason = 'discarded', discard_reason = p_change->>'discard_reason'
        WHERE tenant = p_tenant AND environment = p_environment AND id = v_id
          AND status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled');
        IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
        RETURN false;
    END IF;

    -- Nor may it become pending for an endpoint that is disabled or deleted meanwhile.
    PERFORM FROM sk_tickets.endpoints AS e
    WHERE e.tenant = p_tenant AND e.environment = p_environment AND e.status = 'enabled' AND e.deleted_at IS NULL
      AND e.id = (SELECT d.endpoint_id FROM sk_tickets.deliveries AS d
                  WHERE d.tenant = p_tenant AND d.environment = p_environment AND d.id = v_id)
    FOR KEY SHARE;
    IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
    UPDATE sk_tickets.deliveries
    SET status = 'pending', reason = NULL, next_attempt_at = p_at, claimable_at = p_at, failures = 0
    WHERE tenant = p_tenant AND environment = p_environment AND id = v_id
      AND status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled');
    IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
    RETURN true;
END $$;

-- Adds a job that replays dead letters. Answers if there is something to do for it.
CREATE FUNCTION sk_tickets.add_replay_job(p_change jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    job sk_tickets.replay_jobs := jsonb_populate_record(NULL::sk_tickets.replay_jobs, p_change->'job');
BEGIN
    INSERT INTO sk_tickets.replay_jobs SELECT job.* ON CONFLICT ON CONSTRAINT replay_jobs_key DO NOTHING;
    IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
    RETURN job.status <> 'completed';
END $$;

-- Replaces the secret in a recorded answer, if it is what it was.
CREATE FUNCTION sk_tickets.change_secret(p_tenant bigint, p_environment smallint, p_change jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sk_tickets.claims SET secret = (p_change->>'after')::bytea
    WHERE tenant = p_tenant AND environment = p_environment AND key = p_change->>'key'
      AND secret = (p_change->>'before')::bytea;
    IF NOT FOUND THEN PERFORM sk_tickets.stale(); END IF;
END $$;

-- Stores a commit that changes no ticket. The outcome is `done`, `due` (done, and there is something for workers to do), `stale`, or `recorded`
-- with what is recorded of the key.
CREATE FUNCTION sk_tickets.commit(
    p_tenant bigint, p_environment smallint, p_at bigint, p_key text, p_fingerprint bytea, p_status integer,
    p_location text, p_etag text, p_content_type text, p_body bytea, p_secret_at bigint, p_secret bytea,
    p_effect jsonb, p_payloads bytea[]
) RETURNS TABLE (
    outcome text, fingerprint bytea, status integer, location text, etag text, content_type text, body bytea,
    secret_at bigint, secret bytea
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    due boolean := false;
BEGIN
    PERFORM sk_tickets.enter(p_tenant, p_environment);
    BEGIN
        IF p_key IS NOT NULL THEN
            -- Waits for a concurrent twin. If that one is stored, a statement of its own reads it: this one's snapshot
            -- is too old to.
            INSERT INTO sk_tickets.claims
                (tenant, environment, key, fingerprint, status, location, etag, content_type, body, secret_at, secret,
                 ticket_id, created_at)
            VALUES (p_tenant, p_environment, p_key, p_fingerprint, p_status, p_location, p_etag, p_content_type, p_body,
                    p_secret_at, p_secret, (p_effect->>'shows')::uuid, p_at)
            ON CONFLICT ON CONSTRAINT claims_key DO NOTHING;
            IF NOT FOUND THEN
                RETURN QUERY
                SELECT 'recorded'::text, c.fingerprint, c.status, c.location, c.etag, c.content_type, c.body, c.secret_at,
                       c.secret
                FROM sk_tickets.claims AS c
                WHERE c.tenant = p_tenant AND c.environment = p_environment AND c.key = p_key;
                RETURN;
            END IF;
        END IF;
        CASE p_effect->>'kind'
            WHEN 'none' THEN NULL;
            WHEN 'unchanged' THEN PERFORM sk_tickets.expect_ticket(p_tenant, p_environment, p_effect);
            WHEN 'contact' THEN PERFORM sk_tickets.change_contact(p_tenant, p_environment, p_effect);
            WHEN 'queue' THEN PERFORM sk_tickets.change_queue(p_tenant, p_environment, p_effect);
            WHEN 'form' THEN PERFORM sk_tickets.change_form(p_tenant, p_environment, p_effect);
            WHEN 'policy' THEN PERFORM sk_tickets.change_policy(p_tenant, p_environment, p_effect);
            WHEN 'endpoint' THEN due := sk_tickets.change_endpoint(p_tenant, p_environment, p_at, p_effect, p_payloads);
            WHEN 'delivery' THEN due := sk_tickets.change_delivery(p_tenant, p_environment, p_at, p_effect);
            WHEN 'notification' THEN
                PERFORM sk_tickets.revive_notification(p_tenant, p_environment, p_at, p_effect);
            WHEN 'replay' THEN due := sk_tickets.add_replay_job(p_effect);
            WHEN 'secret' THEN PERFORM sk_tickets.change_secret(p_tenant, p_environment, p_effect);
            WHEN 'purge' THEN
                -- What was committed long ago has its place by then.
                PERFORM sk_tickets.number_events(p_tenant, p_environment, true);
                IF NOT sk_tickets.purge(p_tenant, p_environment, p_effect) THEN PERFORM sk_tickets.stale(); END IF;
        END CASE;
    EXCEPTION WHEN SQLSTATE 'SKT01' OR deadlock_detected THEN
        -- Who claims has a ticket before the key, so it may be in the way of another request with the same key.
        outcome := 'stale';
        RETURN NEXT;
        RETURN;
    END;
    outcome := CASE WHEN due THEN 'due' ELSE 'done' END;
    RETURN NEXT;
END $$;

-- Up to where the feed is purged. In plpgsql, which plans a statement once a session, and not for each call.
CREATE FUNCTION sk_tickets.purged_position(p_tenant bigint, p_environment smallint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce((SELECT purged_position FROM sk_tickets.realms
                     WHERE tenant = p_tenant AND environment = p_environment), 0);
END $$;

-- A page of the feed, and as the last row the position up to which it is purged: read after the events, so that what is
-- dropped in between is told of, at worst, and not left out in silence.
--
-- Planned once a session: by the index of positions, and each event by its key. The settings leave no other way, for a plan
-- is kept that was made while there were few events or none.
CREATE FUNCTION sk_tickets.event_page(
    p_tenant bigint, p_environment smallint, p_after bigint, p_ascending boolean, p_limit bigint
) RETURNS TABLE (
    "position" bigint, id uuid, event_type text, ticket_id uuid, ticket_version bigint, at bigint, payload bytea
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_purged bigint;
BEGIN
    PERFORM sk_tickets.enter(p_tenant, p_environment);
    PERFORM sk_tickets.number_events(p_tenant, p_environment, true);
    v_purged := sk_tickets.purged_position(p_tenant, p_environment);
    IF p_ascending THEN
        RETURN QUERY
        SELECT f.position, e.id, e.event_type, e.ticket_id, e.ticket_version, e.at, e.payload
        FROM sk_tickets.feed AS f
        CROSS JOIN LATERAL (SELECT * FROM sk_tickets.events
                            WHERE tenant = p_tenant AND environment = p_environment AND id = f.event_id OFFSET 0) AS e
        WHERE f.tenant = p_tenant AND f.environment = p_environment AND f.position > greatest(p_after, v_purged)
          AND length(e.payload) > 0
        ORDER BY f.position ASC LIMIT p_limit;
    ELSE
        RETURN QUERY
        SELECT f.position, e.id, e.event_type, e.ticket_id, e.ticket_version, e.at, e.payload
        FROM sk_tickets.feed AS f
        CROSS JOIN LATERAL (SELECT * FROM sk_tickets.events
                            WHERE tenant = p_tenant AND environment = p_environment AND id = f.event_id OFFSET 0) AS e
        WHERE f.tenant = p_tenant AND f.environment = p_environment AND f.position < p_after AND f.position > v_purged
          AND length(e.payload) > 0
        ORDER BY f.position DESC LIMIT p_limit;
    END IF;
    RETURN QUERY
    SELECT sk_tickets.purged_position(p_tenant, p_environment), NULL::uuid, NULL::text, NULL::uuid, NULL::bigint,
           NULL::bigint, NULL::bytea;
END $$;
