-- The outbox, across realms: run as the worker role ------------------------------------------------------------------

CREATE TYPE sk_tickets.endpoint_key AS (tenant bigint, environment smallint, id uuid);
CREATE TYPE sk_tickets.queue_key AS (tenant bigint, environment smallint, endpoint_id uuid, retrying boolean);

-- A delivery that a claim has leased.
CREATE TYPE sk_tickets.leased_delivery AS (
    tenant bigint, environment smallint, id uuid, token bigint, endpoint_id uuid, event_id uuid, attempts bigint,
    failures bigint, retry boolean
);

-- An attempt that was made under a lease, and how the delivery stands after it.
CREATE TYPE sk_tickets.settlement AS (
    number bigint, tenant bigint, environment smallint, id uuid, token bigint, status text, reason text, due bigint,
    failures bigint, disables boolean, attempt bigint, at bigint, status_code integer, error bytea, latency_ms bigint,
    response bytea
);

-- The queues in which something is pending: for each endpoint one of first attempts and one of retries. Hops through the
-- index from one queue to the next, however long they are.
CREATE FUNCTION sk_tickets.queues() RETURNS sk_tickets.queue_key[] LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE queue AS (
            (SELECT d.tenant, d.environment, d.endpoint_id, d.retrying FROM sk_tickets.deliveries AS d
             WHERE d.status = 'pending'
             ORDER BY d.tenant, d.environment, d.endpoint_id, d.retrying LIMIT 1)
            UNION ALL
            SELECT next.tenant, next.environment, next.endpoint_id, next.retrying
            FROM queue
            CROSS JOIN LATERAL (
                SELECT d.tenant, d.environment, d.endpoint_id, d.retrying FROM sk_tickets.deliveries AS d
                WHERE d.status = 'pending'
                  AND (d.tenant, d.environment, d.endpoint_id, d.retrying)
                      > (queue.tenant, queue.environment, queue.endpoint_id, queue.retrying)
                ORDER BY d.tenant, d.environment, d.endpoint_id, d.retrying LIMIT 1
            ) AS next
        )
        SELECT (queue.tenant, queue.environment, queue.endpoint_id, queue.retrying)::sk_tickets.queue_key FROM queue
    );
END $$;

-- What a worker with so many slots in each lane is to claim of these queues: in SQL what the core's `choose` says.
--
-- A queue is read no further than may be under way of it. The place of a delivery is how many of its endpoint are under
-- way in the lane once it is: the small ones come first.
CREATE FUNCTION sk_tickets.choose(
    p_queues sk_tickets.queue_key[], p_now bigint, p_first_slots bigint, p_retry_slots bigint, p_first_max bigint,
    p_retries_max bigint, p_failing_max bigint
) RETURNS TABLE (
    tenant bigint, environment smallint, endpoint_id uuid, id uuid, retry boolean, place bigint, due bigint
) LANGUAGE plpgsql ROWS 100 AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH queue AS (
        SELECT q.tenant, q.environment, q.endpoint_id, q.retrying, lane.failing, lane.retry,
               CASE WHEN lane.failing THEN p_failing_max WHEN lane.retry THEN p_retries_max ELSE p_first_max END AS most,
               CASE WHEN lane.retry THEN p_retry_slots ELSE p_first_slots END AS slots
        FROM unnest(p_queues) AS q
        JOIN sk_tickets.endpoints AS e
            ON e.tenant = q.tenant AND e.environment = q.environment AND e.id = q.endpoint_id
        CROSS JOIN LATERAL (
            SELECT e.failing_since IS NOT NULL AS failing, q.retrying OR e.failing_since IS NOT NULL AS retry
        ) AS lane
    ), placed AS (
        SELECT q.tenant, q.environment, q.endpoint_id, q.retry, q.most, q.slots, waiting.id, waiting.claimable_at,
               leased.count + row_number() OVER (PARTITION BY q.tenant, q.environment, q.endpoint_id, q.retry
                                                 ORDER BY waiting.claimable_at, waiting.id) AS place
        FROM queue AS q
        CROSS JOIN LATERAL (
            SELECT d.id, d.claimable_at FROM sk_tickets.deliveries AS d
            WHERE d.status = 'pending' AND d.tenant = q.tenant AND d.environment = q.environment
              AND d.endpoint_id = q.endpoint_id AND d.retrying = q.retrying AND d.claimable_at <= p_now
            ORDER BY d.claimable_at, d.id LIMIT LEAST(q.most, q.slots)
        ) AS waiting
        CROSS JOIN LATERAL (
            SELECT count(*) FROM sk_tickets.deliveries AS d
            WHERE d.lease_owner IS NOT NULL AND d.tenant = q.tenant AND d.environment = q.environment
              AND d.endpoint_id = q.endpoint_id AND d.claimable_at > p_now AND (q.failing OR d.retrying = q.retrying)
        ) AS leased
    ), ranked AS (
        SELECT p.*, row_number() OVER (PARTITION BY p.retry
                                       ORDER BY p.place, p.claimable_at, p.id, p.tenant, p.environment) AS rank
        FROM placed AS p WHERE p.place <= p.most
    )
    SELECT r.tenant, r.environment, r.endpoint_id, r.id, r.retry, r.place, r.claimable_at
    FROM ranked AS r WHERE r.rank <= r.slots;
END $$;

-- Leases what is due. The last row has no delivery: it says when something else can be due, and whether there is a replay
-- to go on with.
--
-- Nobody else may lease for an endpoint from when its leases are counted until there is one more. So the endpoints of
-- what would be chosen are locked first, and the choice is made by a statement after that, which sees what the holders
-- before have leased. An endpoint that another claim holds is left to that one: a claim never waits for another one, but
-- is told to look again soon, after 50 ms.
--
-- The outbox grows from nothing to many rows in a moment, so statistics of it are of no use. The settings leave the planner
-- no other way than through the indexes, in their order; the costs that it reckons are of no use then, and must not make
-- it compile.
CREATE FUNCTION sk_tickets.claim_due(
    p_worker bigint, p_now bigint, p_until bigint, p_first_slots bigint, p_retry_slots bigint, p_first_max bigint,
    p_retries_max bigint, p_failing_max bigint
) RETURNS TABLE (
    tenant bigint, tenant_name text, environment smallint, id uuid, token bigint, endpoint_id uuid, url text,
    secret bytea, old_secrets bytea[], old_secrets_until bigint[], event_id uuid, payload bytea, attempts bigint,
    failures bigint, retry boolean, next bigint, replaying boolean
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_material = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_queues constant sk_tickets.queue_key[] := sk_tickets.queues();
    v_held sk_tickets.endpoint_key[];
    v_missed boolean;
    v_held_queues sk_tickets.queue_key[];
    v_leased sk_tickets.leased_delivery[];
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT DISTINCT c.tenant, c.environment, c.endpoint_id
        FROM sk_tickets.choose(v_queues, p_now, p_first_slots, p_retry_slots, p_first_max, p_retries_max,
                               p_failing_max) AS c
    ), held AS (
        SELECT e.tenant, e.environment, e.id FROM wanted AS w
        JOIN sk_tickets.endpoints AS e
            ON e.tenant = w.tenant AND e.environment = w.environment AND e.id = w.endpoint_id
        FOR NO KEY UPDATE OF e SKIP LOCKED
    )
    SELECT array_agg((h.tenant, h.environment, h.id)::sk_tickets.endpoint_key),
           count(*) < (SELECT count(*) FROM wanted)
    INTO v_held, v_missed FROM held AS h;

    IF v_held IS NOT NULL THEN
        v_held_queues := ARRAY(
            SELECT q::sk_tickets.queue_key FROM unnest(v_queues) AS q
            WHERE (q.tenant, q.environment, q.endpoint_id)::sk_tickets.endpoint_key = ANY (v_held)
        );
        WITH chosen AS MATERIALIZED (
            SELECT c.*
            FROM sk_tickets.choose(v_held_queues, p_now, p_first_slots, p_retry_slots, p_first_max, p_retries_max,
                                   p_failing_max) AS c
        ), leased AS (
            UPDATE sk_tickets.deliveries AS d
            SET lease_owner = p_worker, lease_token = d.lease_token + 1, claimable_at = p_until
            FROM chosen AS c
            WHERE d.tenant = c.tenant AND d.environment = c.environment AND d.id = c.id
              -- As it was chosen: who settles or renews a lease that has run out comes without the endpoint. No more is said
              -- of it, or the planner, which knows nothing of the table, goes through all that wait to find each.
              AND d.claimable_at = c.due
            RETURNING d.*, c.retry, c.place, c.due
        )
        SELECT array_agg((l.tenant, l.environment, l.id, l.lease_token, l.endpoint_id, l.event_id, l.attempts, l.failures,
                          l.retry)::sk_tickets.leased_delivery
                         ORDER BY l.place, l.due, l.id, l.tenant, l.environment)
        INTO v_leased FROM leased AS l;

        -- In a statement after that: the one before may have waited for somebody who redacts an event, and its snapshot is
        -- older than that.
        RETURN QUERY
        SELECT l.tenant, t.name, l.environment, l.id, l.token, l.endpoint_id, e.url, e.secret, e.old_secrets,
               e.old_secrets_until, l.event_id,
               (SELECT v.payload FROM sk_tickets.events AS v
                WHERE v.tenant = l.tenant AND v.environment = l.environment AND v.id = l.event_id),
               l.attempts, l.failures, l.retry, NULL::bigint, NULL::boolean
        FROM unnest(v_leased) WITH ORDINALITY AS l (tenant, environment, id, token, endpoint_id, event_id, attempts, failures,
                                                    retry, number)
        JOIN sk_tickets.tenants AS t ON t.id = l.tenant
        JOIN sk_tickets.endpoints AS e
            ON e.tenant = l.tenant AND e.environment = l.environment AND e.id = l.endpoint_id
        ORDER BY l.number;
    END IF;

    next := LEAST(sk_tickets.next_due(v_queues, p_now), CASE WHEN v_missed THEN p_now + 50 END);
    replaying := EXISTS (SELECT FROM sk_tickets.replay_jobs AS j WHERE j.status <> 'completed');
    RETURN NEXT;
END $$;

-- The first time after now at which a pending delivery of these queues is due or a lease of theirs runs out.
CREATE FUNCTION sk_tickets.next_due(p_queues sk_tickets.queue_key[], p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT min(later.claimable_at) FROM unnest(p_queues) AS q
        CROSS JOIN LATERAL (
            SELECT d.claimable_at FROM sk_tickets.deliveries AS d
            WHERE d.status = 'pending' AND d.tenant = q.tenant AND d.environment = q.environment
              AND d.endpoint_id = q.endpoint_id AND d.retrying = q.retrying AND d.claimable_at > p_now
            ORDER BY d.claimable_at LIMIT 1
        ) AS later
    );
END $$;

CREATE FUNCTION sk_tickets.renew_lease(
    p_tenant bigint, p_environment smallint, p_id uuid, p_token bigint, p_until bigint
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sk_tickets.deliveries SET claimable_at = p_until
    WHERE tenant = p_tenant AND environment = p_environment AND id = p_id AND lease_token = p_token
      AND lease_owner IS NOT NULL;
    RETURN FOUND;
END $$;

-- Settles attempts, as if one after the other. Answers the numbers of those whose leases held: of several with one lease
-- the first, and none for an endpoint after the one that disabled it.
--
-- Locks the endpoints, where they change, before the deliveries, as commits do, and in order. A delivery that is locked is
-- skipped: whoever holds it ends the lease too. So once it holds deliveries, this waits for nobody.
--
-- Finds deliveries by their key alone, and looks at the lease afterwards: of the index of leases most is dead. The settings
-- are those of claim_due, for the same reason.
CREATE FUNCTION sk_tickets.settle(
    p_tenants bigint[], p_environments smallint[], p_ids uuid[], p_tokens bigint[], p_statuses text[],
    p_reasons text[], p_dues bigint[], p_failures bigint[], p_disables boolean[], p_attempts bigint[], p_ats bigint[],
    p_status_codes integer[], p_errors bytea[], p_latencies_ms bigint[], p_responses bytea[]
) RETURNS bigint[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_material = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_all sk_tickets.settlement[];
    v_held sk_tickets.settlement[];
    v_locked sk_tickets.endpoint_key[] := '{}';
    v_endpoint record;
BEGIN
    -- Not waited for: a delivery whose settlement is lost is sent again, under a lease with a larger token.
    PERFORM set_config('synchronous_commit', 'off', true);

    SELECT array_agg((i.number, i.tenant, i.environment, i.id, i.token, i.status, i.reason, i.due, i.failures,
                      i.disables, i.attempt, i.at, i.status_code, i.error, i.latency_ms, i.response)
                     ::sk_tickets.settlement)
    INTO v_all
    FROM unnest(p_tenants, p_environments, p_ids, p_tokens, p_statuses, p_reasons, p_dues, p_failures, p_disables,
                p_attempts, p_ats, p_status_codes, p_errors, p_latencies_ms, p_responses)
        WITH ORDINALITY AS i (tenant, environment, id, token, status, reason, due, failures, disables, attempt, at,
                              status_code, error, latency_ms, response, number);

    FOR v_endpoint IN
        SELECT e.tenant, e.environment, e.id, bool_or(s.disables) AS disables
        FROM unnest(v_all) AS s
        CROSS JOIN LATERAL (
            SELECT d.endpoint_id, d.lease_token, d.lease_owner FROM sk_tickets.deliveries AS d
            WHERE d.tenant = s.tenant AND d.environment = s.environment AND d.id = s.id
            OFFSET 0
        ) AS d
        JOIN sk_tickets.endpoints AS e
            ON e.tenant = s.tenant AND e.environment = s.environment AND e.id = d.endpoint_id
        WHERE d.lease_token = s.token AND d.lease_owner IS NOT NULL
          AND (s.disables OR (s.failures = 0) = (e.failing_since IS NOT NULL))
        GROUP BY e.tenant, e.environment, e.id ORDER BY e.tenant, e.environment, e.id
    LOOP
        IF v_endpoint.disables THEN
            -- FOR UPDATE, so that commits that fan out to it wait.
            PERFORM FROM sk_tickets.endpoints AS e
            WHERE e.tenant = v_endpoint.tenant AND e.environment = v_endpoint.environment AND e.id = v_endpoint.id
            FOR UPDATE;
        ELSE
            PERFORM FROM sk_tickets.endpoints AS e
            WHERE e.tenant = v_endpoint.tenant AND e.environment = v_endpoint.environment AND e.id = v_endpoint.id
            FOR NO KEY UPDATE;
        END IF;
        v_locked := v_locked
            || (v_endpoint.tenant, v_endpoint.environment, v_endpoint.id)::sk_tickets.endpoint_key;
    END LOOP;

    WITH leased AS MATERIALIZED (
        SELECT s::sk_tickets.settlement AS settlement, s.number, s.tenant, s.environment, s.id, s.disables,
               d.endpoint_id, d.lease_token = s.token AND d.lease_owner IS NOT NULL AS holds
        FROM unnest(v_all) AS s
        JOIN sk_tickets.deliveries AS d ON d.tenant = s.tenant AND d.environment = s.environment AND d.id = s.id
        FOR NO KEY UPDATE OF d SKIP LOCKED
    ), once AS (
        SELECT l.*, row_number() OVER (PARTITION BY l.tenant, l.environment, l.id ORDER BY l.number) AS nth
        FROM leased AS l WHERE l.holds
    ), outcome AS (
        SELECT o.*, min(o.number) FILTER (WHERE o.disables)
                        OVER (PARTITION BY o.tenant, o.environment, o.endpoint_id) AS disabled_by
        FROM once AS o WHERE o.nth = 1
    )
    SELECT array_agg(u.settlement) INTO v_held FROM outcome AS u WHERE u.number <= coalesce(u.disabled_by, u.number);
    IF v_held IS NULL THEN RETURN '{}'; END IF;

    WITH settled AS (
        UPDATE sk_tickets.deliveries AS d
        SET status = s.status, reason = s.reason, next_attempt_at = s.due, claimable_at = s.due,
            attempts = d.attempts + 1, failures = d.failures + s.failures, lease_owner = NULL
        FROM unnest(v_held) AS s
        WHERE d.tenant = s.tenant AND d.environment = s.environment AND d.id = s.id
        RETURNING d.tenant, d.environment, d.endpoint_id, s.number, s.failures, s.at
    ), attempted AS (
        INSERT INTO sk_tickets.delivery_attempts
            (tenant, environment, delivery_id, number, at, status_code, error, latency_ms, response)
        SELECT s.tenant, s.environment, s.id, s.attempt, s.at, s.status_code, s.error, s.latency_ms, s.response
        FROM unnest(v_held) AS s
    ), streak AS (
        SELECT s.*, max(s.number) FILTER (WHERE s.failures = 0)
                        OVER (PARTITION BY s.tenant, s.environment, s.endpoint_id) AS ended_by
        FROM settled AS s
        WHERE (s.tenant, s.environment, s.endpoint_id)::sk_tickets.endpoint_key = ANY (v_locked)
    ), standing AS (
        SELECT s.tenant, s.environment, s.endpoint_id, s.ended_by IS NOT NULL AS ended,
               (array_agg(s.at ORDER BY s.number) FILTER (WHERE s.number > coalesce(s.ended_by, 0)))[1] AS since
        FROM streak AS s GROUP BY s.tenant, s.environment, s.endpoint_id, s.ended_by
    )
    UPDATE sk_tickets.endpoints AS e
    SET failing_since = coalesce(CASE WHEN NOT s.ended THEN e.failing_since END, s.since)
    FROM standing AS s
    WHERE e.tenant = s.tenant AND e.environment = s.environment AND e.id = s.endpoint_id;

    FOR v_endpoint IN
        SELECT d.tenant, d.environment, d.endpoint_id AS id FROM unnest(v_held) AS s
        JOIN sk_tickets.deliveries AS d ON d.tenant = s.tenant AND d.environment = s.environment AND d.id = s.id
        WHERE s.disables
    LOOP
        UPDATE sk_tickets.endpoints AS e SET status = 'disabled', disabled_reason = 'gone'
        WHERE e.tenant = v_endpoint.tenant AND e.environment = v_endpoint.environment AND e.id = v_endpoint.id;
        PERFORM sk_tickets.bury_pending(
            v_endpoint.tenant, v_endpoint.environment, v_endpoint.id, 'endpoint_disabled');
    END LOOP;
    RETURN ARRAY(SELECT s.number FROM unnest(v_held) AS s);
END $$;

-- Skips what is locked: whoever holds it ends the lease too.
CREATE FUNCTION sk_tickets.release_leases(p_worker bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH held AS (
        SELECT d.tenant, d.environment, d.id FROM sk_tickets.deliveries AS d
        WHERE d.lease_owner = p_worker FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE sk_tickets.deliveries AS d SET claimable_at = d.next_attempt_at, lease_owner = NULL
    FROM held WHERE d.tenant = held.tenant AND d.environment = held.environment AND d.id = held.id;
END $$;

-- Goes on with the job that was made first of those that are not completed and that nobody else goes on with. Answers if
-- there is one.
--
-- Locks the endpoints, then the letters by id, as commits do. A letter that was replayed or discarded before it was ours
-- is none any more: it was looked at all the same.
CREATE FUNCTION sk_tickets.replay_some(p_now bigint, p_limit bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job sk_tickets.replay_jobs;
    v_letters uuid[];
    v_endpoints uuid[];
    v_done bigint;
BEGIN
    SELECT j.* INTO job FROM sk_tickets.replay_jobs AS j WHERE j.status <> 'completed'
    ORDER BY j.id, j.tenant, j.environment LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN RETURN false; END IF;

    SELECT coalesce(array_agg(l.id ORDER BY l.id), '{}'), coalesce(array_agg(DISTINCT l.endpoint_id), '{}')
    INTO v_letters, v_endpoints
    FROM (
        SELECT d.id, d.endpoint_id FROM sk_tickets.deliveries AS d
        WHERE d.tenant = job.tenant AND d.environment = job.environment
          AND d.status = 'dead' AND d.reason IN ('exhausted', 'endpoint_disabled')
          AND (job.last_seen IS NULL OR d.id > job.last_seen)
          AND (job.endpoint_id IS NULL OR d.endpoint_id = job.endpoint_id)
          AND (job.types = '{}' OR d.event_type = ANY (job.types))
          AND (job.since IS NULL OR d.created_at >= job.since)
          AND (job.before IS NULL OR d.created_at < job.before)
        ORDER BY d.id LIMIT p_limit
    ) AS l;
    PERFORM FROM sk_tickets.endpoints AS e
    WHERE e.tenant = job.tenant AND e.environment = job.environment AND e.id = ANY (v_endpoints)
    ORDER BY e.id FOR KEY SHARE;
    WITH letter AS MATERIALIZED (
        SELECT d.id FROM sk_tickets.deliveries AS d
        JOIN sk_tickets.endpoints AS e
            ON e.tenant = d.tenant AND e.environment = d.environment AND e.id = d.endpoint_id
        WHERE d.tenant = job.tenant AND d.environment = job.environment AND d.id = ANY (v_letters)
          AND d.status = 'dead' AND d.reason IN ('exhausted', 'endpoint_disabled')
          AND e.status = 'enabled' AND e.deleted_at IS NULL
        ORDER BY d.id FOR NO KEY UPDATE OF d
    ), revived AS (
        UPDATE sk_tickets.deliveries AS d
        SET status = 'pending', reason = NULL, next_attempt_at = p_now, claimable_at = p_now, failures = 0
        FROM letter WHERE d.tenant = job.tenant AND d.environment = job.environment AND d.id = letter.id
        RETURNING d.id
    )
    SELECT count(*) INTO v_done FROM revived;

    -- As the core's `ReplayJob::advance`.
    job.done := job.done + v_done;
    job.failed := job.failed + cardinality(v_letters) - v_done;
    IF cardinality(v_letters) < p_limit THEN
        -- Those that were nowhere to be found are no dead letters any more.
        job.failed := GREATEST(job.failed, job.total - job.done);
        job.status := 'completed';
        job.finished_at := p_now;
    ELSE
        job.status := 'running';
        job.last_seen := coalesce(v_letters[cardinality(v_letters)], job.last_seen);
    END IF;
    UPDATE sk_tickets.replay_jobs
    SET status = job.status, total = GREATEST(job.total, job.done + job.failed), done = job.done, failed = job.failed,
        last_seen = job.last_seen, finished_at = job.finished_at
    WHERE tenant = job.tenant AND environment = job.environment AND id = job.id;
    RETURN true;
END $$;

CREATE FUNCTION sk_tickets.backlog() RETURNS TABLE (
    pending bigint, oldest_due bigint, dead_letters bigint, oldest_dead_letter bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT waiting.count, waiting.oldest, letters.count, letters.oldest
    FROM (
        SELECT count(*), min(d.next_attempt_at) AS oldest FROM sk_tickets.deliveries AS d WHERE d.status = 'pending'
    ) AS waiting
    CROSS JOIN (
        SELECT count(*), min(d.created_at) AS oldest FROM sk_tickets.deliveries AS d
        WHERE d.status = 'dead' AND d.reason IN ('exhausted', 'endpoint_disabled')
    ) AS letters;
END $$;

-- Notifications, across realms: run as the worker role ---------------------------------------------------------------

-- Leases what is due, in the order in which it is. The last row has no notification: it says when something else can be
-- due. What another claim holds is left to that one.
CREATE FUNCTION sk_tickets.claim_notifications(p_worker bigint, p_now bigint, p_until bigint, p_limit bigint)
RETURNS TABLE (
    tenant bigint, tenant_name text, environment smallint, id uuid, token bigint, ticket_id uuid, recipient text,
    subject text, text text, failures bigint, next bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT n.tenant, n.environment, n.id, n.claimable_at FROM sk_tickets.notifications AS n
        WHERE n.outcome = 'pending' AND n.claimable_at <= p_now
        ORDER BY n.claimable_at, n.id, n.tenant, n.environment LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE sk_tickets.notifications AS n
        SET lease_owner = p_worker, lease_token = n.lease_token + 1, claimable_at = p_until
        FROM due WHERE n.tenant = due.tenant AND n.environment = due.environment AND n.id = due.id
        RETURNING n.tenant, n.environment, n.id, n.lease_token, n.ticket_id, coalesce(n.recipient, '') AS recipient,
                  n.subject, n.text, n.failures, due.claimable_at AS due
    )
    SELECT l.tenant, t.name, l.environment, l.id, l.lease_token, l.ticket_id, l.recipient, l.subject, l.text, l.failures,
           NULL::bigint
    FROM leased AS l JOIN sk_tickets.tenants AS t ON t.id = l.tenant
    ORDER BY l.due, l.id, l.tenant, l.environment;

    next := (SELECT min(n.claimable_at) FROM sk_tickets.notifications AS n
             WHERE n.outcome = 'pending' AND n.claimable_at > p_now);
    RETURN NEXT;
END $$;

CREATE FUNCTION sk_tickets.renew_notification(
    p_tenant bigint, p_environment smallint, p_id uuid, p_token bigint, p_until bigint
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sk_tickets.notifications SET claimable_at = p_until
    WHERE tenant = p_tenant AND environment = p_environment AND id = p_id AND lease_token = p_token
      AND lease_owner IS NOT NULL;
    RETURN FOUND;
END $$;

-- Records an attempt that failed; due again at a time.
CREATE FUNCTION sk_tickets.put_off_notification(
    p_tenant bigint, p_environment smallint, p_id uuid, p_token bigint, p_error text, p_at bigint
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sk_tickets.notifications
    SET attempts = attempts + 1, failures = failures + 1, last_error = p_error, next_attempt_at = p_at,
        claimable_at = p_at, lease_owner = NULL
    WHERE tenant = p_tenant AND environment = p_environment AND id = p_id AND lease_token = p_token
      AND lease_owner IS NOT NULL;
    RETURN FOUND;
END $$;

-- Skips what is locked: whoever holds it ends the lease too.
CREATE FUNCTION sk_tickets.release_notifications(p_worker bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH held AS (
        SELECT n.tenant, n.environment, n.id FROM sk_tickets.notifications AS n
        WHERE n.lease_owner = p_worker FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE sk_tickets.notifications AS n SET claimable_at = n.next_attempt_at, lease_owner = NULL
    FROM held WHERE n.tenant = held.tenant AND n.environment = held.environment AND n.id = held.id;
END $$;

CREATE FUNCTION sk_tickets.notification_backlog() RETURNS TABLE (pending bigint, oldest bigint, dead bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT waiting.count, waiting.oldest, buried.count
    FROM (
        SELECT count(*), min(n.created_at) AS oldest FROM sk_tickets.notifications AS n WHERE n.outcome = 'pending'
    ) AS waiting
    CROSS JOIN (SELECT count(*) FROM sk_tickets.notifications AS n WHERE n.outcome = 'dead') AS buried;
END $$;

-- What is due at tickets, across realms: run as the worker role ---------------------------------------------------------

-- The tickets at which something is due, after the place that is named. The settings are those of claim_due, for the same
-- reason.
CREATE FUNCTION sk_tickets.tickets_due(
    p_now bigint, p_at bigint, p_id uuid, p_tenant bigint, p_environment smallint, p_limit bigint
) RETURNS TABLE (tenant bigint, tenant_name text, environment smallint, wakes_at bigint, id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_sort = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.tenant, n.name, t.environment, t.wakes_at, t.id
    FROM sk_tickets.tickets AS t JOIN sk_tickets.tenants AS n ON n.id = t.tenant
    WHERE t.wakes_at <= p_now
      AND (t.wakes_at, t.id, t.tenant, t.environment) > (p_at, p_id, p_tenant, p_environment)
    ORDER BY t.wakes_at, t.id, t.tenant, t.environment LIMIT p_limit;
END $$;

-- When the first ticket after now is due.
CREATE FUNCTION sk_tickets.next_ticket_due(p_now bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_sort = off SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    RETURN (SELECT t.wakes_at FROM sk_tickets.tickets AS t WHERE t.wakes_at > p_now ORDER BY t.wakes_at LIMIT 1);
END $$;

-- The SLA policies about which there is work to do.
CREATE FUNCTION sk_tickets.policies_changed() RETURNS TABLE (
    tenant bigint, tenant_name text, environment smallint, priority smallint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.tenant, n.name, p.environment, p.priority
    FROM sk_tickets.sla_policies AS p JOIN sk_tickets.tenants AS n ON n.id = p.tenant WHERE p.changed;
END $$;
