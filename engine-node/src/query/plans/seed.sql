-- Rows of every table that lists read: $INSTANCES running and as many ended instances of $DEFINITIONS definitions,
-- each with a token, a task, an external task, a job, a subscription, $EACH variables; every hundredth an incident.
CREATE FUNCTION seeded(kind bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex(1700000000000 + n * 1000), 12, '0') || '8000' || to_hex(32768 + n % 16384)
          || lpad(to_hex((kind << 40) | n), 12, '0'))::uuid $$;
CREATE FUNCTION definition_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT seeded(1, 1 + n % $DEFINITIONS) $$;
CREATE TEMP TABLE n AS SELECT g AS n, (g % 16384)::smallint AS slot, 1700000000000 + g::bigint * 1000 AS at
  FROM generate_series(1, $INSTANCES) g;

INSERT INTO process_instance (id, slot, root_id, definition_id, business_key, revision, suspended, started, start_element, retention, recorded)
  SELECT seeded(3, n), slot, seeded(3, n), definition_of(n), 'text ' || n, 1, n % 500 = 0, at, 'start', 0, true FROM n;
INSERT INTO token (id, slot, root_id, instance_id, element, state, execution_id, activity_id, started)
  SELECT seeded(2, n), slot, seeded(3, n), seeded(3, n), 'text ' || n % 2000, 1, seeded(2, n), seeded(10, n), at FROM n;
INSERT INTO task (id, slot, root_id, instance_id, token_id, execution_id, activity_id, definition_id, element, name, description, assignee, owner, priority, created, last_updated, due, follow_up, suspended, recorded)
  SELECT seeded(5, n), slot, seeded(3, n), seeded(3, n), seeded(2, n), seeded(2, n), seeded(10, n), definition_of(n), 'text ' || n % 2000, 'text ' || n % 2000, 'text ' || n, CASE WHEN n % 2 = 0 THEN 'text ' || n % 2000 END,
  CASE WHEN n % 3 = 0 THEN 'text ' || n % 2000 END, n % 101, at, at, at, at, n % 500 = 0, true FROM n;
INSERT INTO task_candidate (task_id, slot, root_id, is_group, name)
  SELECT seeded(5, n), slot, seeded(3, n), n % 2 = 0, 'text ' || n % 2000 FROM n;
INSERT INTO task_link (task_id, slot, root_id, kind, is_group, name)
  SELECT seeded(5, n), slot, seeded(3, n), 'helper', false, 'text ' || n % 2000 FROM n;
INSERT INTO history_operation (id, slot, retention, root_id, instance_id, operation_id, user_id, time, category, entity, operation, property, deployment_id, definition_id, definition_key, task_id)
  SELECT seeded(120, n), slot, 0, seeded(30, n), seeded(30, n), seeded(121, n), 'text ' || n % 2000, at, CASE WHEN n % 2 = 0 THEN 'Operator' ELSE 'TaskWorker' END, 'Task', 'text ' || n % 50, 'assignee', 'text ' || n % 50, 'text ' || n % 50, 'text ' || n % 50, seeded(50, n)::text FROM n;
INSERT INTO group_member (group_id, user_id) SELECT 'text ' || n % 2000, 'text ' || n FROM n;
INSERT INTO external_task (id, slot, root_id, instance_id, token_id, execution_id, activity_id, definition_id, element, topic, worker_id, lock_expires, retries, priority, suspended, created, lock_revision, recorded)
  SELECT seeded(7, n), slot, seeded(3, n), seeded(3, n), seeded(2, n), seeded(2, n), seeded(10, n), definition_of(n), 'text ' || n % 2000, 'text ' || n % 500, 'text ' || n % 2000, at, CASE WHEN n % 500 = 0 THEN 0 END, n % 101, n % 500 = 0, at, 1, true FROM n;
INSERT INTO job (id, slot, root_id, instance_id, token_id, execution_id, definition_id, element, kind, due, retries, exclusive, priority, suspended, created, lock_owner, lock_expires, error_message, recorded)
  SELECT seeded(6, n), slot, seeded(3, n), seeded(3, n), seeded(2, n), seeded(2, n), definition_of(n), 'text ' || n % 2000, n % 3, at, CASE WHEN n % 100 = 0 THEN 0 ELSE 3 END, true, n % 101, n % 500 = 0, at, CASE WHEN n % 100 = 1 THEN 'node' END, CASE WHEN n % 100 = 1 THEN at END,
  CASE WHEN n % 100 = 0 THEN 'text ' || n END, true FROM n;
INSERT INTO batch (slot, id, root_id, type, total, seeded, suspended, running, recorded, started)
  SELECT slot, seeded(130, n), seeded(130, n), 'text ' || n % 2000, 10, true, false, n % 2 = 0, true, at FROM n WHERE n % 10 = 0;
INSERT INTO batch_work (slot, id, root_id, batch_id, request, retries, suspended, created, error_message, lock_owner, lock_expires, due, priority)
  SELECT slot, seeded(131, n), seeded(130, n / 10 * 10), seeded(130, n / 10 * 10), '{}', CASE WHEN n % 100 = 0 THEN 0 ELSE 3 END, n % 500 = 0, at,
  CASE WHEN n % 100 = 0 THEN 'text ' || n END, CASE WHEN n % 100 = 1 THEN 'node' END, CASE WHEN n % 100 = 1 THEN at END, at, n % 101 FROM n;
INSERT INTO event_subscription (id, slot, root_id, instance_id, token_id, execution_id, element, kind, name, created)
  SELECT seeded(9, n), slot, seeded(3, n), seeded(3, n), seeded(2, n), seeded(2, n), 'text ' || n % 2000, n % 2, 'text ' || n % 500, at FROM n;
INSERT INTO variable (id, slot, root_id, instance_id, scope_id, name, type, text, created, revision, recorded, initial)
  SELECT seeded(20 + v, n), slot, seeded(3, n), seeded(3, n), seeded(3, n), 'v' || v, 'String', 'value ' || n, at, 0, 2, true FROM n, generate_series(1, $EACH) v;
INSERT INTO incident (id, slot, root_id, instance_id, execution_id, definition_id, kind, element, message, configuration, created, cause_id, root_cause_id, recorded)
  SELECT seeded(8, n), slot, seeded(3, n), seeded(3, n), seeded(2, n), definition_of(n), 'failedJob', 'text ' || n % 2000, 'text ' || n, seeded(6, n)::text, at, seeded(8, n), seeded(8, n), true FROM n WHERE n % 10 = 7;
INSERT INTO history_process (id, slot, retention, root_id, definition_id, business_key, started, start_element, ended, state)
  SELECT seeded(30, n), slot, 0, seeded(30, n), definition_of(n), 'text ' || n, at, 'start', at + 1000, CASE WHEN n % 500 = 0 THEN 1 ELSE 0 END FROM n;
INSERT INTO history_activity (id, slot, retention, root_id, instance_id, definition_id, element, assignee, started, ended, canceled, complete_scope)
  SELECT seeded(40 + a, n), slot, 0, seeded(30, n), seeded(30, n), definition_of(n), 'text ' || n % 2000, CASE WHEN a = 1 THEN 'text ' || n % 2000 END, at, at + 10 * a, n % 500 = 0, a = 5 FROM n, generate_series(1, $EACH) a;
INSERT INTO history_task (id, slot, retention, root_id, instance_id, activity_id, definition_id, element, name, assignee, priority, created, ended, delete_reason)
  SELECT seeded(50, n), slot, 0, seeded(30, n), seeded(30, n), seeded(41, n), definition_of(n), 'text ' || n % 2000, 'text ' || n % 2000, 'text ' || n % 2000, n % 101, at, at + 10, 'completed' FROM n;
INSERT INTO history_variable (id, slot, retention, root_id, instance_id, scope_id, name, type, text, created, revision, recorded, initial, ended, deleted)
  SELECT seeded(60 + v, n), slot, 0, seeded(30, n), seeded(30, n), seeded(30, n), 'v' || v, 'String', 'value ' || n, at, 0, 2, true, at + 10, false FROM n, generate_series(1, $EACH) v;
INSERT INTO history_detail (id, slot, retention, root_id, instance_id, variable_id, scope_id, name, type, text, updated, revision, initial)
  SELECT seeded(70, n), slot, 0, seeded(30, n), seeded(30, n), seeded(61, n), seeded(30, n), 'v1', 'String', 'old value ' || n, at, 0, true FROM n;
INSERT INTO history_form_field (id, slot, retention, root_id, instance_id, execution_id, name, value, time)
  SELECT seeded(71, n), slot, 0, seeded(30, n), seeded(30, n), seeded(30, n), 'text ' || n % 2000, 'text ' || n, at FROM n;
INSERT INTO history_incident (id, slot, retention, root_id, instance_id, execution_id, definition_id, kind, element, message, configuration, created, cause_id, root_cause_id, ended, state)
  SELECT seeded(80, n), slot, 0, seeded(30, n), seeded(30, n), seeded(30, n), definition_of(n), 'failedJob', 'text ' || n % 2000, 'text ' || n, seeded(6, n)::text, at, seeded(80, n), seeded(80, n), at + 5, 1 FROM n;
INSERT INTO history_job (id, slot, retention, root_id, job_id, instance_id, definition_id, element, kind, retries, priority, created, time, state)
  SELECT seeded(90, n), slot, 0, seeded(30, n), seeded(91, n), seeded(30, n), definition_of(n), 'text ' || n % 2000, 0, 3, 0, at, at + 5, 2 FROM n;
INSERT INTO history_external_task (id, slot, retention, root_id, task_id, instance_id, definition_id, element, topic, worker_id, priority, created, time, state)
  SELECT seeded(100, n), slot, 0, seeded(30, n), seeded(101, n), seeded(30, n), definition_of(n), 'text ' || n % 2000, 'text ' || n % 500, 'text ' || n % 2000, 0, at, at + 5, 2 FROM n;
INSERT INTO history_identity_link (id, slot, retention, root_id, task_id, instance_id, definition_id, kind, user_id, added, time)
  SELECT seeded(110, n), slot, 0, seeded(30, n), seeded(50, n), seeded(30, n), definition_of(n), 'assignee', 'text ' || n % 2000, true, at FROM n;
INSERT INTO group_member SELECT 'group ' || n % $DEFINITIONS, 'text ' || n FROM generate_series(1, $INSTANCES) n;
ANALYZE;
