//! What both stores must do: each function is a test of its own for PostgreSQL (a throw-away server) and SQLite.
//! What only one database can show (fences beside open transactions, lost answers) is in [`postgres_only`].
mod batches;
mod cleaning;
mod counters;
mod fixture;
mod history_life;
mod identity;
mod job_plans;
mod jobs;
mod large;
mod locking;
mod notes;
mod postgres_only;
mod reading;
mod schema_checks;
mod slots;
mod task_units;
mod thrown;
mod trouble;
mod unit_plans;
mod values;
mod writing;

/// Makes a test for each database of each function.
macro_rules! contract {
    ($($module:ident: $($name:ident),+;)+) => {
        mod on_postgres {
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$module::$name(super::fixture::postgres().await).await;
            })+)+
        }
        mod on_sqlite {
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$module::$name(super::fixture::sqlite().await).await;
            })+)+
        }
    };
}

contract! {
    batches:
        what_a_batch_has_to_do_is_locked_by_one_and_done_once,
        a_batchs_own_jobs_are_with_the_part_that_leads_it,
        a_batch_moves_with_its_slots_and_waits_while_they_move;
    cleaning:
        s3_07_expired_trees_go_whole_and_others_stay,
        evaluations_that_no_process_asked_for_go_with_their_decisions_time_to_live,
        the_cleanup_job_is_kept_and_run_by_one_node,
        s2_37_every_history_row_reaches_the_queue_until_it_is_sent,
        s3_39_storage_is_told_by_groups;
    writing:
        an_instance_may_start_and_end_in_one_unit,
        every_kind_of_row_is_inserted_replaced_and_deleted,
        a_wrong_revision_refuses_the_unit_and_no_other,
        a_known_idempotency_key_writes_nothing_else,
        a_slot_not_owned_refuses_the_unit,
        a_lost_external_task_lock_refuses_the_unit,
        a_timer_start_fires_once,
        units_of_one_batch_on_one_instance_are_told_apart,
        concurrent_writers_never_lose_an_update,
        concurrent_requests_with_one_key_are_applied_once,
        an_ended_instance_leaves_history_only,
        an_instance_of_many_rows_is_written_in_one_unit;
    notes:
        links_that_come_and_go_later_are_stored,
        notes_outlive_their_task_move_with_their_slot_and_go_with_history;
    task_units:
        a_unit_of_tasks_is_guarded_and_moves_with_its_slot,
        an_id_of_a_client_s_is_taken_once;
    thrown:
        what_a_unit_throws_stays_until_it_is_told;
    values:
        a_bad_value_refuses_its_unit_alone,
        values_come_back_as_they_were,
        lists_sort_nulls_and_bytes_alike,
        reopening_finds_everything,
        payloads_users_and_deployments_are_kept;
    identity:
        s1_02_identity_changes_and_lists_are_the_same;
    counters:
        counters_are_the_numbers_of_visible_rows;
    jobs:
        a_job_is_handed_to_one_owner,
        a_lock_that_ended_is_taken_over,
        locks_of_an_owner_that_is_gone_are_given_back,
        s3_17_exclusive_jobs_of_an_instance_are_one_nodes,
        s3_16_jobs_come_by_priority_and_some_by_age,
        s3_31_the_load_tells_who_holds_what,
        nodes_hear_each_other;
    large:
        s2_15_a_large_value_is_one_row_that_moves_with_its_tree;
    locking:
        fetch_and_lock_gives_a_task_once,
        fetch_and_lock_heeds_its_filters,
        an_old_lock_never_replaces_a_newer_one;
    slots:
        a_slot_moves_with_all_its_rows,
        hidden_slots_are_invisible,
        slot_rows_change_by_compare_and_set,
        a_stamp_is_set_once,
        a_setting_is_made_once_and_replaced_on_demand,
        a_list_tells_what_was_covered;
    reading:
        s2_39_every_value_of_a_variable_is_told_in_order,
        lists_of_history_tell_what_runs_and_what_has_ended,
        s3_06_views_have_the_reference_s_names_and_rows;
    history_life:
        s2_13_a_life_at_each_level_leaves_its_rows_and_no_others,
        s3_05_a_secret_that_a_rule_drops_is_in_no_row;
    schema_checks:
        every_table_is_declared,
        this_build_works_on_the_next_schema,
        a_foreign_or_strange_schema_is_refused;
}
