//! What every store must do, as cases: one for each line under *To ensure correctness* in [`store`](crate::store).
//!
//! A store's tests name a function that makes a fresh store; each case becomes a test of its own:
//!
//! ```
//! use std::sync::Arc;
//! use sk_tickets_core::{MemoryStore, testing::conformance::Harness};
//!
//! async fn fresh() -> Harness {
//!     Harness::new(Arc::new(MemoryStore::new()))
//! }
//!
//! sk_tickets_core::conformance!(fresh);
//! ```
//!
//! Each case has a store of its own, and beside the realm that it looks at a decoy realm in which the same things happen
//! with the same ids.

pub(crate) mod fixture;

pub use fixture::{Fixture, Harness};

/// Makes a test of each case. `$builder` is an `async fn() -> Harness` that makes a fresh, empty store.
#[macro_export]
macro_rules! conformance {
    ($builder:path) => {
        $crate::__conformance_tests! { $builder:
            reader::only_rows_of_the_realm_are_seen,
            reader::a_realm_that_nobody_wrote_to_is_empty,
            reader::what_a_finished_commit_wrote_is_seen,
            reader::pages_are_in_order_and_strictly_after,
            reader::a_page_goes_on_after_a_row_that_no_longer_matches,
            reader::every_filter_holds_for_every_row,
            reader::a_traversal_under_writes_gives_each_row_once,
            reader::the_queue_position_counts_those_ahead,
            reader::a_thread_is_read_by_sequence,
            reader::a_ping_is_not_in_the_feed,
            reader::a_follower_of_the_feed_misses_nothing,
            writer::the_same_key_replays_and_another_request_conflicts,
            writer::concurrent_twins_have_one_effect,
            writer::a_rejection_is_recorded_too,
            writer::a_retry_replays_although_the_ticket_has_moved_on,
            writer::a_precondition_that_fails_is_not_recorded,
            writer::a_stale_commit_writes_nothing,
            writer::concurrent_changes_of_one_ticket_all_take_place,
            writer::a_contact_is_made_once,
            writer::a_realm_has_no_more_endpoints_than_allowed,
            writer::an_endpoint_changed_by_another_is_stale,
            writer::every_field_survives,
            writer::events_fan_out_to_who_wants_them,
            writer::a_disabled_endpoint_gets_dead_letters,
            writer::deleting_an_endpoint_gives_up_what_is_pending,
            writer::an_endpoint_whose_url_changes_ends_the_leases_on_its_deliveries,
            delivery::no_two_claims_give_the_same_delivery,
            delivery::a_lease_that_ran_out_is_fenced,
            delivery::a_lease_can_be_renewed,
            delivery::settling_records_the_attempt,
            delivery::a_receiver_that_is_gone_is_disabled,
            delivery::released_deliveries_are_due_again,
            delivery::work_committed_between_two_waits_is_not_missed,
            delivery::a_dead_letter_is_replayed_or_discarded,
            delivery::the_schedule_is_kept_to_the_millisecond,
            delivery::what_always_fails_is_a_dead_letter_after_eight_attempts,
            settling::settlements_that_go_together_are_independent,
            settling::one_that_disables_its_endpoint_voids_those_after_it,
            contacts::a_contact_is_made_and_changed,
            contacts::an_id_of_another_system_is_taken_as_it_is,
            contacts::no_two_contacts_have_one_handle,
            contacts::a_stale_change_of_a_contact_writes_nothing,
            contacts::contacts_are_listed,
            timers::the_times_of_a_ticket_are_kept_with_it,
            timers::used_time_is_tracked_whatever_the_policy,
            queues::a_queue_is_made_and_changed,
            queues::the_default_queue_is_in_every_realm,
            queues::no_two_queues_have_one_key_or_topic,
            queues::of_many_who_make_one_queue_one_does,
            queues::a_stale_change_of_a_queue_writes_nothing,
            queues::queues_are_listed,
            queues::a_realm_has_no_more_queues_than_allowed,
            queues::a_new_ticket_goes_where_its_topic_leads,
            queues::a_ticket_is_moved_to_another_queue,
            queues::an_overview_counts_what_there_is_to_do,
            forms::a_form_is_made_and_changed,
            forms::a_stale_change_of_a_form_writes_nothing,
            forms::forms_are_listed,
            forms::a_realm_has_no_more_forms_than_allowed,
            forms::a_form_is_found_by_its_id_alone,
            forms::no_two_realms_have_one_form,
            forms::a_submission_is_a_ticket_at_once,
            forms::what_is_sent_twice_is_one_ticket,
            notifications::what_a_customer_is_told_is_written_with_the_resolution,
            notifications::in_a_live_realm_it_waits_to_be_sent,
            notifications::who_is_not_named_or_has_no_address_is_not_told,
            notifications::each_resolution_tells_once,
            notifications::no_two_claims_give_the_same_notification,
            notifications::a_lease_on_a_notification_is_fenced,
            notifications::what_was_due_first_is_sent_first,
            notifications::what_came_of_it_stands_in_the_thread,
            notifications::a_stale_settlement_writes_nothing,
            notifications::what_was_not_sent_is_due_again,
            notifications::released_notifications_are_due_again,
            notifications::only_a_dead_notification_is_replayed,
            notifications::a_redacted_note_is_in_no_mail_and_in_no_answer_about_one,
            notifications::notifications_are_listed,
            notifications::notifications_that_wait_are_counted,
            notifications::a_notification_committed_between_two_waits_is_not_missed,
            notifications::mail_keeps_to_the_schedule,
            notifications::what_is_refused_for_good_is_dead_at_once,
            sla::a_policy_is_set_and_changed,
            sla::a_ticket_is_changed_under_the_policy_in_force,
            sla::a_changed_policy_reaches_what_is_ticking,
            sla::due_tickets_are_listed_when_they_are_due,
            sla::who_waits_for_due_tickets_is_woken,
            sla::each_alarm_is_told_once_however_many_nodes_sweep,
            sla::what_was_late_is_late_though_nobody_swept,
            sla::a_change_of_priority_takes_the_used_time_along,
            sla::a_resolved_ticket_is_closed_in_time,
            month::in_a_month_every_clock_rings_when_it_should,
            claims::the_head_of_a_queue_is_claimed,
            claims::the_same_key_claims_the_same_ticket,
            claims::concurrent_claims_take_each_ticket_once_and_in_order,
            claims::concurrent_twins_of_a_claim_take_one_ticket,
            fairness::no_endpoint_has_more_leased_than_it_may,
            fairness::concurrent_claims_keep_to_what_an_endpoint_may_have,
            fairness::the_endpoint_with_the_fewest_leased_comes_first,
            fairness::each_lane_has_slots_of_its_own,
            fairness::a_failing_endpoint_has_one_attempt_at_a_time,
            fairness::the_next_due_time_is_known,
            replay::a_job_replays_what_matches,
            replay::dead_letters_are_filtered,
            replay::a_letter_whose_endpoint_is_not_enabled_has_failed,
            replay::a_job_looks_at_each_letter_once,
            replay::no_two_workers_do_the_same_part_of_a_job,
            replay::a_job_stays_in_its_realm,
            replay::the_backlog_is_counted,
            redaction::a_redacted_text_is_nowhere,
            redaction::a_redaction_leaves_all_else,
            redaction::a_redaction_is_done_once,
            redaction::an_attempt_under_way_brings_nothing_back,
            redaction::a_dead_letter_is_replayed_without_the_words,
            redaction::a_recorded_answer_about_a_dead_letter_loses_the_words,
            redaction::a_dead_letter_as_it_no_longer_is_is_stale,
            redaction::an_answer_that_was_not_seen_is_stale,
            redaction::concurrent_writes_leave_no_word,
            redaction::a_long_thread_is_redacted,
            retention::a_key_whose_answer_was_dropped_stays_used,
            retention::old_events_leave_the_feed,
            retention::what_is_yet_to_be_delivered_keeps_its_event,
            retention::old_deliveries_are_dropped,
            retention::old_responses_are_dropped,
            retention::a_redaction_brings_nothing_back,
            retention::a_purger_drops_what_its_retention_says,
            search::every_word_of_a_query_occurs,
            search::words_are_found_in_any_script_and_form,
            search::a_new_subject_is_found_and_the_old_one_no_longer,
            search::a_redacted_text_is_no_longer_found,
            search::of_a_text_with_many_words_the_first_are_found,
            search::a_search_stays_in_its_realm,
            search::a_search_heeds_every_filter,
            search::pages_of_a_search_are_in_order,
            search::a_search_under_writes_gives_each_row_once,
            search::a_cursor_of_a_search_is_bound_to_its_words,
            stats::tickets_are_counted_by_where_they_stand,
            stats::percentiles_are_by_nearest_rank,
            stats::a_ticket_counts_by_when_it_was_made,
            stats::figures_are_of_one_realm,
            secrets::replaced_secrets_stay_for_as_long_as_asked,
            secrets::a_recorded_answer_tells_its_secret_again,
            secrets::the_secret_in_a_recorded_answer_is_replaced,
            secrets::secrets_are_sealed_anew,
            secrets::every_realm_is_known,
            directory::an_api_key_is_found_by_its_hash,
            directory::a_key_is_revoked_once,
            directory::a_key_expires_earlier_and_never_later,
            directory::a_rotated_key_opens_until_the_overlap_ends,
            directory::the_cursor_key_is_kept,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($builder:path: $($module:ident :: $case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let harness = $builder().await;
                let fixture = $crate::testing::conformance::Fixture::new(harness);
                $crate::testing::conformance::cases::$module::$case(&fixture).await;
            }
        )*
    };
}

/// The cases themselves, for who wants to run one by hand. Each panics where the store falls short.
pub mod cases {
    pub mod claims;
    pub mod contacts;
    pub mod delivery;
    pub mod directory;
    pub mod fairness;
    pub mod forms;
    pub mod month;
    pub mod notifications;
    pub mod queues;
    pub mod reader;
    pub mod redaction;
    pub mod replay;
    pub mod retention;
    pub mod search;
    pub mod secrets;
    pub mod settling;
    pub mod sla;
    pub mod stats;
    pub mod timers;
    pub mod writer;
}
