-- The directory: run as a role of its own ----------------------------------------------------------------------------

CREATE FUNCTION sk_tickets.tenant_find(p_name text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT id FROM sk_tickets.tenants WHERE name = p_name);
END $$;

CREATE FUNCTION sk_tickets.tenant_ensure(p_name text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint := (SELECT id FROM sk_tickets.tenants WHERE name = p_name);
BEGIN
    IF v_id IS NULL THEN
        INSERT INTO sk_tickets.tenants (name) VALUES (p_name) ON CONFLICT (name) DO NOTHING;
        SELECT id INTO v_id FROM sk_tickets.tenants WHERE name = p_name;
        INSERT INTO sk_tickets.realms (tenant, environment) VALUES (v_id, 0), (v_id, 1)
        ON CONFLICT (tenant, environment) DO NOTHING;
        -- The first block begins before every id, so that there is one for each.
        INSERT INTO sk_tickets.search_blocks (tenant, environment, first_id, number)
        SELECT v_id, environment, '00000000-0000-0000-0000-000000000000', 1 FROM unnest('{0, 1}'::smallint[]) AS environment
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN v_id;
END $$;

CREATE FUNCTION sk_tickets.api_key_create(
    p_tenant text, p_environment smallint, p_id uuid, p_hash bytea, p_name text, p_scopes text[], p_created_at bigint,
    p_expires_at bigint, p_revoked_at bigint, p_last_used_at bigint
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sk_tickets.api_keys
        (tenant, environment, id, hash, name, scopes, created_at, expires_at, revoked_at, last_used_at)
    VALUES (sk_tickets.tenant_ensure(p_tenant), p_environment, p_id, p_hash, p_name, p_scopes, p_created_at, p_expires_at,
            p_revoked_at, p_last_used_at);
END $$;

-- Every key or, with a hash, the one that has it. The hashes themselves do not come out.
CREATE FUNCTION sk_tickets.api_keys(p_hash bytea) RETURNS TABLE (
    tenant bigint, tenant_name text, environment smallint, id uuid, name text, scopes text[], created_at bigint,
    expires_at bigint, revoked_at bigint, last_used_at bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF p_hash IS NULL THEN
        RETURN QUERY
        SELECT k.tenant, t.name, k.environment, k.id, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at,
               k.last_used_at
        FROM sk_tickets.api_keys AS k JOIN sk_tickets.tenants AS t ON t.id = k.tenant ORDER BY k.id;
    ELSE
        RETURN QUERY
        SELECT k.tenant, t.name, k.environment, k.id, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at,
               k.last_used_at
        FROM sk_tickets.api_keys AS k JOIN sk_tickets.tenants AS t ON t.id = k.tenant WHERE k.hash = p_hash;
    END IF;
END $$;

CREATE FUNCTION sk_tickets.api_key_revoke(p_id uuid, p_at bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sk_tickets.api_keys SET revoked_at = p_at WHERE id = p_id AND revoked_at IS NULL;
    RETURN FOUND;
END $$;

-- Earlier than before, never later.
GRANT UPDATE (expires_at) ON sk_tickets.api_keys TO sk_tickets_directory;
CREATE FUNCTION sk_tickets.api_key_expire(p_id uuid, p_at bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sk_tickets.api_keys SET expires_at = p_at
    WHERE id = p_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > p_at);
    RETURN FOUND;
END $$;

CREATE FUNCTION sk_tickets.api_key_used(p_id uuid, p_at bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sk_tickets.api_keys SET last_used_at = p_at
    WHERE id = p_id AND (last_used_at IS NULL OR last_used_at < p_at);
END $$;

CREATE FUNCTION sk_tickets.cursor_key(p_candidate bytea) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_kept bytea := (SELECT value FROM sk_tickets.settings WHERE name = 'cursor_key');
BEGIN
    IF v_kept IS NULL THEN
        INSERT INTO sk_tickets.settings (name, value) VALUES ('cursor_key', p_candidate) ON CONFLICT (name) DO NOTHING;
        SELECT value INTO v_kept FROM sk_tickets.settings WHERE name = 'cursor_key';
    END IF;
    RETURN v_kept;
END $$;

CREATE FUNCTION sk_tickets.realms() RETURNS TABLE (tenant bigint, tenant_name text, environment smallint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.tenant, t.name, r.environment FROM sk_tickets.realms AS r JOIN sk_tickets.tenants AS t ON t.id = r.tenant
    ORDER BY t.name COLLATE "C", r.environment;
END $$;

-- The form with this id, of whatever realm. The policy shows no other, whatever the query says.
CREATE FUNCTION sk_tickets.public_form(p_id uuid) RETURNS TABLE (
    tenant bigint, tenant_name text, environment smallint, id uuid, name text, topics jsonb, allowed_origins text[],
    locale text, theme jsonb, created_at bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('sk_tickets.form', p_id::text, true);
    RETURN QUERY
    SELECT f.tenant, t.name, f.environment, f.id, f.name, f.topics, f.allowed_origins, f.locale, f.theme, f.created_at
    FROM sk_tickets.forms AS f JOIN sk_tickets.tenants AS t ON t.id = f.tenant WHERE f.id = p_id;
END $$;

-- Functions are everyone's until they are taken away.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sk_tickets FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sk_tickets TO sk_tickets_app;
GRANT EXECUTE ON FUNCTION sk_tickets.bury_pending, sk_tickets.queues, sk_tickets.choose, sk_tickets.next_due
    TO sk_tickets_worker;
GRANT EXECUTE ON FUNCTION sk_tickets.tenant_ensure TO sk_tickets_directory;
GRANT EXECUTE ON FUNCTION sk_tickets.ulid TO sk_tickets_redactor;

-- A function's new owner needs CREATE where it is, for that moment.
GRANT CREATE ON SCHEMA sk_tickets TO sk_tickets_worker, sk_tickets_directory, sk_tickets_redactor, sk_tickets_purger;
ALTER FUNCTION sk_tickets.redact OWNER TO sk_tickets_redactor;
ALTER FUNCTION sk_tickets.purge OWNER TO sk_tickets_purger;
ALTER FUNCTION sk_tickets.claim_due OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.renew_lease OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.settle OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.release_leases OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.replay_some OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.backlog OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.claim_notifications OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.renew_notification OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.put_off_notification OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.release_notifications OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.notification_backlog OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.tickets_due OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.next_ticket_due OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.policies_changed OWNER TO sk_tickets_worker;
ALTER FUNCTION sk_tickets.tenant_find OWNER TO sk_tickets_directory;
ALTER FUNCTION sk_tickets.tenant_ensure OWNER TO sk_tickets_directory;
ALTER FUNCTION sk_tickets.api_key_create OWNER TO sk_tickets_directory;
ALTER FUNCTION sk_tickets.api_keys OWNER TO sk_tickets_directory;
ALTER FUNCTION sk_tickets.api_key_revoke OWNER TO sk_tickets_directory;
ALTER FUNCTION sk_tickets.api_key_expire OWNER TO sk_tickets_directory;
ALTER FUNCTION sk_tickets.api_key_used OWNER TO sk_tickets_directory;
ALTER FUNCTION sk_tickets.cursor_key OWNER TO sk_tickets_directory;
ALTER FUNCTION sk_tickets.realms OWNER TO sk_tickets_directory;
ALTER FUNCTION sk_tickets.public_form OWNER TO sk_tickets_directory;
REVOKE CREATE ON SCHEMA sk_tickets FROM sk_tickets_worker, sk_tickets_directory, sk_tickets_redactor, sk_tickets_purger;
