-- Who may see and do what. Row-level security is forced on every table, so it binds the owner too; what no policy lets
-- through is not there.

DO $$
DECLARE
    name text;
    -- An absent setting is null, one left over from an earlier transaction is empty: both compare to nothing. A subquery,
    -- so that a statement looks at a setting once and not once a row.
    realm constant text := 'tenant = (SELECT NULLIF(current_setting(''sk_tickets.tenant'', true), '''')::bigint)'
        || ' AND environment = (SELECT NULLIF(current_setting(''sk_tickets.environment'', true), '''')::smallint)';
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'sk_tickets'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE sk_tickets.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['realms', 'claims', 'contacts', 'queues', 'queue_topics', 'queue_blocks', 'queue_moves',
                                'sla_policies', 'forms', 'tickets', 'ticket_tags', 'ticket_terms',
                                'search_blocks', 'thread_entries', 'events',
                                'feed_pending', 'feed', 'endpoints', 'deliveries', 'delivery_attempts',
                                'replay_jobs', 'notifications'] LOOP
        EXECUTE format('CREATE POLICY realm ON sk_tickets.%I FOR ALL'
                           || ' TO sk_tickets_app, sk_tickets_redactor, sk_tickets_purger'
                           || ' USING (%s) WITH CHECK (%s)', name, realm, realm);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA sk_tickets TO sk_tickets_app, sk_tickets_worker, sk_tickets_directory, sk_tickets_redactor,
    sk_tickets_purger;

-- The application: one realm at a time. It has no way to tenants, settings and API keys but through functions.
CREATE POLICY version ON sk_tickets.schema_version USING (true);
GRANT SELECT ON sk_tickets.schema_version TO sk_tickets_app;
GRANT SELECT, INSERT ON sk_tickets.claims, sk_tickets.thread_entries, sk_tickets.events, sk_tickets.search_blocks,
    sk_tickets.feed, sk_tickets.replay_jobs TO sk_tickets_app;
GRANT UPDATE (secret) ON sk_tickets.claims TO sk_tickets_app;
GRANT SELECT, INSERT, UPDATE ON sk_tickets.contacts, sk_tickets.queues, sk_tickets.sla_policies, sk_tickets.forms,
    sk_tickets.tickets, sk_tickets.endpoints, sk_tickets.deliveries TO sk_tickets_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sk_tickets.queue_blocks TO sk_tickets_app;
GRANT SELECT, INSERT, DELETE ON sk_tickets.queue_moves, sk_tickets.queue_topics, sk_tickets.ticket_tags,
    sk_tickets.feed_pending TO sk_tickets_app;
GRANT SELECT, INSERT, UPDATE (texts), DELETE ON sk_tickets.ticket_terms TO sk_tickets_app;
GRANT SELECT, UPDATE (last_position, id_ahead_ms, id_behind_ms) ON sk_tickets.realms TO sk_tickets_app;
GRANT SELECT ON sk_tickets.delivery_attempts TO sk_tickets_app;
GRANT SELECT, INSERT, UPDATE (outcome, recipient, attempts, last_error, next_attempt_at, sent_at, claimable_at, failures,
                              lease_owner) ON sk_tickets.notifications TO sk_tickets_app;

-- Redaction: one realm at a time, as the application; no rows but those that are there, and no column but those with words
-- and those of a lease.
GRANT SELECT (tenant, environment, ticket_id, sequence, id, detail), UPDATE (body, evidence, detail)
    ON sk_tickets.thread_entries TO sk_tickets_redactor;
GRANT SELECT (tenant, environment, ticket_id, id, payload), UPDATE (payload) ON sk_tickets.events TO sk_tickets_redactor;
GRANT SELECT (tenant, environment, ticket_id, key), UPDATE (body) ON sk_tickets.claims TO sk_tickets_redactor;
GRANT SELECT (tenant, environment, id, event_id, next_attempt_at), UPDATE (lease_owner, claimable_at)
    ON sk_tickets.deliveries TO sk_tickets_redactor;
GRANT SELECT (tenant, environment, delivery_id, error, response), UPDATE (error, response)
    ON sk_tickets.delivery_attempts TO sk_tickets_redactor;
GRANT SELECT (tenant, environment, ticket_id, id, last_error), UPDATE (subject, text, last_error)
    ON sk_tickets.notifications TO sk_tickets_redactor;

-- Dropping what is old: one realm at a time, as the application.
GRANT SELECT, UPDATE (purged_position, deliveries_purged_before) ON sk_tickets.realms TO sk_tickets_purger;
GRANT SELECT (tenant, environment, key, fingerprint, created_at),
    UPDATE (fingerprint, etag, content_type, body, secret_at, secret, ticket_id) ON sk_tickets.claims TO sk_tickets_purger;
GRANT SELECT ON sk_tickets.feed TO sk_tickets_purger;
GRANT SELECT (tenant, environment, id, at), UPDATE (payload) ON sk_tickets.events TO sk_tickets_purger;
-- To lock a row takes a column that may be changed.
GRANT SELECT (tenant, environment, id, event_id, status, reason, created_at), UPDATE (lease_owner), DELETE
    ON sk_tickets.deliveries TO sk_tickets_purger;
GRANT SELECT (tenant, environment, delivery_id, number, at, response), UPDATE (response), DELETE
    ON sk_tickets.delivery_attempts TO sk_tickets_purger;

-- Workers: the outbox of all realms and what is due at which ticket, and no more columns than it takes.
CREATE POLICY worker ON sk_tickets.tenants FOR SELECT TO sk_tickets_worker USING (true);
CREATE POLICY worker ON sk_tickets.events FOR SELECT TO sk_tickets_worker USING (true);
CREATE POLICY worker ON sk_tickets.endpoints FOR ALL TO sk_tickets_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON sk_tickets.deliveries FOR ALL TO sk_tickets_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON sk_tickets.delivery_attempts FOR INSERT TO sk_tickets_worker WITH CHECK (true);
CREATE POLICY worker ON sk_tickets.replay_jobs FOR ALL TO sk_tickets_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON sk_tickets.notifications FOR ALL TO sk_tickets_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON sk_tickets.tickets FOR SELECT TO sk_tickets_worker USING (wakes_at IS NOT NULL);
CREATE POLICY worker ON sk_tickets.sla_policies FOR SELECT TO sk_tickets_worker USING (changed);
GRANT SELECT ON sk_tickets.tenants TO sk_tickets_worker;
GRANT SELECT (tenant, environment, id, wakes_at) ON sk_tickets.tickets TO sk_tickets_worker;
GRANT SELECT (tenant, environment, priority, changed) ON sk_tickets.sla_policies TO sk_tickets_worker;
GRANT SELECT (tenant, environment, id, payload) ON sk_tickets.events TO sk_tickets_worker;
GRANT SELECT (tenant, environment, id, url, status, failing_since, secret, old_secrets, old_secrets_until, deleted_at),
    UPDATE (status, disabled_reason, failing_since) ON sk_tickets.endpoints TO sk_tickets_worker;
GRANT SELECT, UPDATE (status, reason, next_attempt_at, claimable_at, attempts, failures, lease_owner, lease_token)
    ON sk_tickets.deliveries TO sk_tickets_worker;
GRANT INSERT ON sk_tickets.delivery_attempts TO sk_tickets_worker;
GRANT SELECT, UPDATE (status, total, done, failed, last_seen, finished_at) ON sk_tickets.replay_jobs
    TO sk_tickets_worker;
-- What came of a notification is for its realm to say.
GRANT SELECT (tenant, environment, id, ticket_id, outcome, recipient, subject, text, attempts, next_attempt_at, created_at,
              claimable_at, failures, lease_owner, lease_token),
    UPDATE (attempts, last_error, next_attempt_at, claimable_at, failures, lease_owner, lease_token)
    ON sk_tickets.notifications TO sk_tickets_worker;

-- The directory: what is known before a realm is.
CREATE POLICY directory ON sk_tickets.tenants FOR ALL TO sk_tickets_directory USING (true) WITH CHECK (true);
CREATE POLICY directory ON sk_tickets.realms FOR ALL TO sk_tickets_directory USING (true) WITH CHECK (true);
CREATE POLICY directory ON sk_tickets.search_blocks FOR INSERT TO sk_tickets_directory WITH CHECK (true);
CREATE POLICY directory ON sk_tickets.api_keys FOR ALL TO sk_tickets_directory USING (true) WITH CHECK (true);
CREATE POLICY directory ON sk_tickets.settings FOR ALL TO sk_tickets_directory USING (true) WITH CHECK (true);
-- Of forms, the one that was asked for.
CREATE POLICY directory ON sk_tickets.forms FOR SELECT TO sk_tickets_directory
    USING (id = NULLIF(current_setting('sk_tickets.form', true), '')::uuid);
GRANT SELECT, INSERT ON sk_tickets.tenants, sk_tickets.realms, sk_tickets.settings TO sk_tickets_directory;
GRANT INSERT ON sk_tickets.search_blocks TO sk_tickets_directory;
GRANT SELECT ON sk_tickets.forms TO sk_tickets_directory;
GRANT SELECT, INSERT, UPDATE (revoked_at, last_used_at) ON sk_tickets.api_keys TO sk_tickets_directory;
