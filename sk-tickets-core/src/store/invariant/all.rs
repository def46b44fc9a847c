use super::{Broken, Invariant};

const fn everywhere(holds: &'static str, broken: &'static str) -> Invariant {
    Invariant { holds, broken: Broken::Anywhere(broken) }
}

const fn each(holds: &'static str, sqlite: Option<&'static str>, postgres: Option<&'static str>) -> Invariant {
    Invariant { holds, broken: Broken::Each { sqlite, postgres } }
}

/// All of them.
pub const INVARIANTS: &[Invariant] = &[
    // Tickets and their events.
    everywhere(
        "Every version of a ticket has an event, and there is no event of a version that is yet to come.",
        "SELECT @realm(t), @text(t.id) AS what
         FROM @tickets AS t LEFT JOIN @events AS e ON @same(e, t) AND e.ticket_id = t.id
         GROUP BY @realm(t), t.id, t.version
         HAVING count(DISTINCT e.ticket_version) <> t.version OR max(e.ticket_version) <> t.version",
    ),
    everywhere(
        "A ticket is created once, in its first version.",
        "SELECT @realm(t), @text(t.id) AS what
         FROM @tickets AS t
         LEFT JOIN @events AS e ON @same(e, t) AND e.ticket_id = t.id AND e.event_type = 'ticket.created'
         GROUP BY @realm(t), t.id
         HAVING count(e.id) <> 1 OR max(e.ticket_version) <> 1",
    ),
    everywhere(
        "A frozen event is of the type and the version that it says.",
        "SELECT @realm(e), @text(e.id) AS what
         FROM @events AS e
         WHERE length(e.payload) > 0
           AND (@payload(e) ->> 'type' IS DISTINCT FROM e.event_type
                OR CAST(@payload(e) ->> 'ticket_version' AS bigint) IS DISTINCT FROM e.ticket_version
                OR CAST(@payload(e) -> 'data' -> 'ticket' ->> 'version' AS bigint) IS DISTINCT FROM e.ticket_version)",
    ),
    everywhere(
        "A ticket is as its last event says.",
        "SELECT @realm(e), @text(e.ticket_id) AS what
         FROM @events AS e JOIN @tickets AS t ON @same(t, e) AND t.id = e.ticket_id AND t.version = e.ticket_version
         WHERE @payload(e) -> 'data' -> 'ticket' ->> 'status' <> t.status
            OR (length(e.payload) > 0 AND @payload(e) -> 'data' -> 'ticket' ->> 'owner_id' IS DISTINCT FROM t.owner_id)
            OR @payload(e) -> 'data' -> 'ticket' ->> 'queue' <> t.queue",
    ),
    everywhere(
        "A change of status begins where the one before has ended.",
        "SELECT @realm(e), @text(e.ticket_id) AS what
         FROM (SELECT @realm(c), c.ticket_id, @payload(c) -> 'data' ->> 'from' AS begun,
                      lag(@payload(c) -> 'data' ->> 'to')
                          OVER (PARTITION BY @realm(c), c.ticket_id ORDER BY c.ticket_version, c.id) AS ended
               FROM @events AS c WHERE c.event_type = 'ticket.status_changed') AS e
         WHERE e.begun <> e.ended",
    ),
    everywhere(
        "A ticket was opened again as often as it says.",
        "SELECT @realm(t), @text(t.id) AS what
         FROM @tickets AS t
         LEFT JOIN @events AS e ON @same(e, t) AND e.ticket_id = t.id AND e.event_type = 'ticket.reopened'
         GROUP BY @realm(t), t.id, t.reopen_count
         HAVING count(e.id) <> t.reopen_count",
    ),
    everywhere(
        "A target that was missed is told once, and one that was not missed is not told.",
        "SELECT @realm(t), @text(t.id) AS what
         FROM @tickets AS t
         LEFT JOIN @events AS e ON @same(e, t) AND e.ticket_id = t.id AND e.event_type = 'ticket.sla_breached'
         GROUP BY @realm(t), t.id, t.first_response_breached_at, t.resolution_breached_at
         HAVING count(e.id) <> CASE WHEN t.first_response_breached_at IS NULL THEN 0 ELSE 1 END
                             + CASE WHEN t.resolution_breached_at IS NULL THEN 0 ELSE 1 END",
    ),
    everywhere(
        "The thread of a ticket counts from one without a gap.",
        "SELECT @realm(t), @text(t.id) AS what
         FROM @tickets AS t LEFT JOIN @thread_entries AS e ON @same(e, t) AND e.ticket_id = t.id
         GROUP BY @realm(t), t.id
         HAVING count(e.sequence) <> coalesce(max(e.sequence), 0) OR coalesce(min(e.sequence), 0) <> 1",
    ),
    everywhere(
        "What waits in a queue is what nobody owns and is neither resolved nor closed.",
        "SELECT @realm(t), @text(t.id) AS what
         FROM @tickets AS t
         WHERE (t.queued_at IS NOT NULL) <> (t.owner_id IS NULL AND t.status NOT IN ('resolved', 'closed'))",
    ),
    everywhere(
        "A ticket has the time of its resolution or its end exactly while it is resolved or closed.",
        "SELECT @realm(t), @text(t.id) AS what
         FROM @tickets AS t
         WHERE (t.closed_at IS NOT NULL) <> (t.status = 'closed')
            OR (t.status = 'resolved' AND t.resolved_at IS NULL)",
    ),
    each(
        "As many wait in a lane of a queue as its blocks say.",
        Some(
            "SELECT l.realm, l.queue || ' ' || l.priority AS what
             FROM (SELECT realm, queue, priority, waiting AS waits FROM queue_blocks
                   UNION ALL SELECT realm, queue, priority, -1 FROM tickets WHERE queued_at IS NOT NULL) AS l
             GROUP BY l.realm, l.queue, l.priority HAVING sum(l.waits) <> 0",
        ),
        Some(
            "SELECT l.tenant, l.environment, l.queue || ' ' || l.priority AS what
             FROM (SELECT tenant, environment, queue, priority, waiting AS waits FROM sk_tickets.queue_blocks
                   UNION ALL SELECT tenant, environment, queue, priority, delta FROM sk_tickets.queue_moves
                   UNION ALL SELECT tenant, environment, queue, priority, -1 FROM sk_tickets.tickets
                             WHERE queued_at IS NOT NULL) AS l
             GROUP BY l.tenant, l.environment, l.queue, l.priority HAVING sum(l.waits) <> 0",
        ),
    ),
    each(
        "A ticket is found by the tags that it has and by no others.",
        Some(
            "SELECT s.realm, s.tag AS what
             FROM (SELECT realm, ticket_id, tag, 1 AS n FROM ticket_tags
                   UNION ALL SELECT t.realm, t.id, j.value, -1 FROM tickets AS t, json_each(t.tags) AS j) AS s
             GROUP BY s.realm, s.ticket_id, s.tag HAVING sum(s.n) <> 0",
        ),
        Some(
            "SELECT s.tenant, s.environment, s.tag AS what
             FROM (SELECT tenant, environment, ticket_id, tag, 1 AS n FROM sk_tickets.ticket_tags
                   UNION ALL SELECT t.tenant, t.environment, t.id, j.value, -1
                             FROM sk_tickets.tickets AS t, unnest(t.tags) AS j (value)) AS s
             GROUP BY s.tenant, s.environment, s.ticket_id, s.tag HAVING sum(s.n) <> 0",
        ),
    ),
    each(
        "A block of the search index has as many tickets as it says.",
        Some(
            "SELECT b.realm, lower(hex(b.first_id)) AS what
             FROM (SELECT realm, first_id, tickets,
                          lead(first_id) OVER (PARTITION BY realm ORDER BY first_id) AS next_id FROM search_blocks) AS b
             WHERE b.tickets <> (SELECT count(*) FROM tickets AS t WHERE t.realm = b.realm AND t.id >= b.first_id
                                     AND (b.next_id IS NULL OR t.id < b.next_id))",
        ),
        None,
    ),
    each(
        "A word is in the block that its ticket is in.",
        Some(
            "SELECT w.realm, lower(hex(w.ticket_id)) AS what
             FROM (SELECT DISTINCT realm, block, ticket_id FROM ticket_terms) AS w
             WHERE w.block IS DISTINCT FROM (SELECT b.number FROM search_blocks AS b
                                             WHERE b.realm = w.realm AND b.first_id <= w.ticket_id
                                             ORDER BY b.first_id DESC LIMIT 1)",
        ),
        Some(
            "SELECT w.tenant, w.environment, w.ticket_id::text AS what
             FROM (SELECT DISTINCT tenant, environment, block, ticket_id FROM sk_tickets.ticket_terms) AS w
             WHERE w.block IS DISTINCT FROM (SELECT b.number FROM sk_tickets.search_blocks AS b
                                             WHERE b.tenant = w.tenant AND b.environment = w.environment
                                               AND b.first_id <= w.ticket_id
                                             ORDER BY b.first_id DESC LIMIT 1)",
        ),
    ),
    // The feed.
    each(
        "Places in the feed count from one without a gap.",
        Some(
            "SELECT e.realm, CAST(max(e.position) AS TEXT) AS what
             FROM events AS e WHERE e.position IS NOT NULL
             GROUP BY e.realm HAVING count(*) <> max(e.position)",
        ),
        Some(
            "SELECT r.tenant, r.environment, r.last_position::text AS what
             FROM sk_tickets.realms AS r LEFT JOIN sk_tickets.feed AS f ON f.tenant = r.tenant AND f.environment = r.environment
             GROUP BY r.tenant, r.environment, r.last_position
             HAVING count(f.position) <> r.last_position OR coalesce(max(f.position), 0) <> r.last_position",
        ),
    ),
    each(
        "Every event of a ticket has a place in the feed, or is about to get one; nothing else has.",
        Some(
            "SELECT e.realm, lower(hex(e.id)) AS what
             FROM events AS e WHERE (e.position IS NULL) <> (e.ticket_id IS NULL)",
        ),
        Some(
            "SELECT e.tenant, e.environment, e.id::text AS what
             FROM sk_tickets.events AS e
             LEFT JOIN sk_tickets.feed AS f
                 ON f.tenant = e.tenant AND f.environment = e.environment AND f.event_id = e.id
             LEFT JOIN sk_tickets.feed_pending AS p
                 ON p.tenant = e.tenant AND p.environment = e.environment AND p.event_id = e.id
             WHERE CASE WHEN e.ticket_id IS NULL THEN 0 ELSE 1 END
                <> CASE WHEN f.event_id IS NULL THEN 0 ELSE 1 END + CASE WHEN p.event_id IS NULL THEN 0 ELSE 1 END",
        ),
    ),
    each(
        "In the feed the events of a ticket come in their own order.",
        Some(
            "SELECT o.realm, lower(hex(o.ticket_id)) AS what
             FROM (SELECT e.realm, e.ticket_id, e.position,
                          lag(e.position) OVER (PARTITION BY e.realm, e.ticket_id ORDER BY e.ticket_version, e.id) AS before
                   FROM events AS e WHERE e.ticket_id IS NOT NULL) AS o
             WHERE o.position < o.before",
        ),
        Some(
            "SELECT o.tenant, o.environment, o.ticket_id::text AS what
             FROM (SELECT e.tenant, e.environment, e.ticket_id, f.position,
                          lag(f.position) OVER (PARTITION BY e.ticket_id ORDER BY e.ticket_version, e.id) AS before
                   FROM sk_tickets.events AS e JOIN sk_tickets.feed AS f
                       ON f.tenant = e.tenant AND f.environment = e.environment AND f.event_id = e.id) AS o
             WHERE o.position < o.before",
        ),
    ),
    each(
        "Dropped for their age are the first events of the feed and no others.",
        Some(
            "SELECT e.realm, lower(hex(e.id)) AS what
             FROM events AS e JOIN realms AS r ON r.id = e.realm
             WHERE (length(e.payload) = 0) <> (e.position IS NOT NULL AND e.position <= r.purged_position)",
        ),
        Some(
            "SELECT e.tenant, e.environment, e.id::text AS what
             FROM sk_tickets.events AS e
             JOIN sk_tickets.realms AS r ON r.tenant = e.tenant AND r.environment = e.environment
             LEFT JOIN sk_tickets.feed AS f
                 ON f.tenant = e.tenant AND f.environment = e.environment AND f.event_id = e.id
             WHERE (length(e.payload) = 0) <> (coalesce(f.position, r.purged_position + 1) <= r.purged_position)",
        ),
    ),
    everywhere(
        "What is to be delivered, or can be, is there.",
        "SELECT @realm(d), @text(d.id) AS what
         FROM @deliveries AS d JOIN @events AS e ON @same(e, d) AND e.id = d.event_id
         WHERE length(e.payload) = 0
           AND (d.status = 'pending' OR (d.status = 'dead' AND d.reason IN ('exhausted', 'endpoint_disabled')))",
    ),
    // Webhooks.
    everywhere(
        "An event has at most one delivery to an endpoint.",
        "SELECT @realm(d), @text(d.event_id) AS what
         FROM @deliveries AS d GROUP BY @realm(d), d.event_id, d.endpoint_id HAVING count(*) > 1",
    ),
    each(
        "An event has a delivery to each endpoint that has wanted it since before it happened, as far as clocks tell.",
        Some(
            // Sorted together: no index leads from an event to its deliveries.
            "SELECT s.realm, lower(hex(s.event_id)) AS what
             FROM (SELECT e.realm, e.id AS event_id, h.id AS endpoint_id, 0 AS told
                   FROM events AS e
                   JOIN endpoints AS h ON h.realm = e.realm AND h.deleted_at IS NULL AND h.wanted_since + @slack() < e.at
                       AND EXISTS (SELECT 1 FROM json_each(h.events) AS w WHERE w.value IN ('*', e.event_type))
                   JOIN realms AS r ON r.id = e.realm AND r.deliveries_purged_before <= e.at
                   WHERE e.ticket_id IS NOT NULL
                   UNION ALL SELECT realm, event_id, endpoint_id, 1 FROM deliveries) AS s
             GROUP BY s.realm, s.event_id, s.endpoint_id HAVING sum(s.told) = 0",
        ),
        Some(
            "SELECT e.tenant, e.environment, e.id::text AS what
             FROM sk_tickets.events AS e
             JOIN sk_tickets.endpoints AS h
                 ON h.tenant = e.tenant AND h.environment = e.environment AND h.deleted_at IS NULL
                 AND h.wanted_since + @slack() < e.at AND h.events && ARRAY['*', e.event_type]
             JOIN sk_tickets.realms AS r
                 ON r.tenant = e.tenant AND r.environment = e.environment AND r.deliveries_purged_before <= e.at
             LEFT JOIN sk_tickets.deliveries AS d
                 ON d.tenant = e.tenant AND d.environment = e.environment AND d.endpoint_id = h.id AND d.event_id = e.id
             WHERE e.ticket_id IS NOT NULL AND d.id IS NULL",
        ),
    ),
    everywhere(
        "A delivery is of the type and the ticket of its event.",
        "SELECT @realm(d), @text(d.id) AS what
         FROM @deliveries AS d JOIN @events AS e ON @same(e, d) AND e.id = d.event_id
         WHERE e.event_type <> d.event_type OR e.ticket_id IS DISTINCT FROM d.ticket_id",
    ),
    everywhere(
        "A delivery has the attempts that were recorded, which count from one without a gap.",
        "SELECT @realm(d), @text(d.id) AS what
         FROM @deliveries AS d LEFT JOIN @delivery_attempts AS a ON @same(a, d) AND a.delivery_id = d.id
         GROUP BY @realm(d), d.id, d.attempts
         HAVING count(a.number) <> d.attempts OR coalesce(max(a.number), 0) <> d.attempts",
    ),
    everywhere(
        "The last attempt of what is delivered has succeeded.",
        "SELECT @realm(d), @text(d.id) AS what
         FROM @deliveries AS d
         LEFT JOIN @delivery_attempts AS a ON @same(a, d) AND a.delivery_id = d.id AND a.number = d.attempts
         WHERE d.status = 'delivered' AND coalesce(a.status_code, 0) NOT BETWEEN 200 AND 299",
    ),
    everywhere(
        "Only what is pending is leased.",
        "SELECT @realm(d), @text(d.id) AS what FROM @deliveries AS d
         WHERE d.status <> 'pending' AND d.lease_owner IS NOT NULL
         UNION ALL
         SELECT @realm(n), @text(n.id) FROM @notifications AS n
         WHERE n.outcome <> 'pending' AND n.lease_owner IS NOT NULL",
    ),
    everywhere(
        "Nothing is pending for an endpoint that is disabled or deleted.",
        "SELECT @realm(d), @text(d.id) AS what
         FROM @deliveries AS d JOIN @endpoints AS h ON @same(h, d) AND h.id = d.endpoint_id
         WHERE d.status = 'pending' AND (h.status = 'disabled' OR h.deleted_at IS NOT NULL)",
    ),
    everywhere(
        "A replay has looked at no more letters than there were, and is completed once it has an end.",
        "SELECT @realm(j), @text(j.id) AS what FROM @replay_jobs AS j
         WHERE j.done + j.failed > j.total OR (j.finished_at IS NOT NULL) <> (j.status = 'completed')",
    ),
    // Notifications.
    everywhere(
        "What came of a notification is told in the thread, and nothing else is.",
        "SELECT @realm(s), s.ticket AS what
         FROM (SELECT @realm(n), @text(n.ticket_id) AS ticket, n.outcome, 1 AS told FROM @notifications AS n
               WHERE n.outcome IN ('sent', 'captured', 'no_address')
               UNION ALL
               SELECT @realm(e), @text(e.ticket_id), e.detail ->> 'outcome', -1 FROM @thread_entries AS e
               WHERE e.detail ->> 'kind' = 'notification'
                 AND e.detail ->> 'outcome' IN ('sent', 'captured', 'no_address')) AS s
         GROUP BY @realm(s), s.ticket, s.outcome HAVING sum(s.told) <> 0",
    ),
    everywhere(
        "Of a notification that could not be sent the thread tells.",
        "SELECT @realm(n), @text(n.id) AS what
         FROM @notifications AS n
         LEFT JOIN @thread_entries AS e
             ON @same(e, n) AND e.ticket_id = n.ticket_id AND e.detail ->> 'kind' = 'notification'
             AND e.detail ->> 'outcome' = 'dead'
         WHERE n.outcome = 'dead'
         GROUP BY @realm(n), n.id HAVING count(e.id) = 0",
    ),
    everywhere(
        "What came of a notification is told once.",
        "SELECT @realm(e), @text(e.ticket_id) AS what
         FROM @thread_entries AS e
         WHERE e.detail ->> 'kind' = 'notification' AND e.detail ->> 'outcome' <> 'dead'
         GROUP BY @realm(e), e.ticket_id, e.detail ->> 'notification_id' HAVING count(*) > 1",
    ),
    // Recorded answers.
    everywhere(
        "As many tickets are there as keys were answered with a new one.",
        "SELECT @realm(s), CAST(sum(s.made) AS text) AS what
         FROM (SELECT @realm(t), 1 AS made FROM @tickets AS t
               UNION ALL
               SELECT @realm(c), -1 FROM @claims AS c
               WHERE c.status = 201 AND c.location LIKE '/tickets/v1/tickets/%' AND c.location NOT LIKE '%/thread/%') AS s
         GROUP BY @realm(s) HAVING sum(s.made) <> 0",
    ),
    everywhere(
        "No two keys were answered with the same new thing.",
        "SELECT @realm(c), c.location AS what
         FROM @claims AS c WHERE c.status = 201 AND c.location IS NOT NULL
         GROUP BY @realm(c), c.location HAVING count(*) > 1",
    ),
    everywhere(
        "An answer that shows a ticket shows one that is there.",
        "SELECT @realm(c), c.key AS what
         FROM @claims AS c LEFT JOIN @tickets AS t ON @same(t, c) AND t.id = c.ticket_id
         WHERE c.ticket_id IS NOT NULL AND t.id IS NULL",
    ),
];
