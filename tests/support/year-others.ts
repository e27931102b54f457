import type { Ask } from './year.ts';

/** What is not of one run alone. */
export async function addOthers(ask: Ask, lastRunId: number, count: number): Promise<void> {
  const series = `generate_series(1, ${count}) AS n`;
  const at = `now() - (${count} - n) * interval '365 days' / ${count}`;
  await ask(
    `INSERT INTO audit (key_id, key_name, role, address, method, route, entity_kind, entity_id, entity_name, changes, request_id, status, ended_at, created_at)
     SELECT n % 5, 'key ' || n % 5, 'trainer', '127.0.0.1', 'POST', '/api/v1/jobs/', 'job', n % 1000, 'Polite refusals', 'name', 'r' || n, CASE WHEN n % 50 = 0 THEN 403 ELSE 201 END, ${at}, ${at} FROM ${series}`,
  );
  await ask(
    `INSERT INTO idempotency_keys (key, scope, request_sha256, answer, created_at) SELECT 'key-' || n, 'POST /jobs/', repeat('0', 64), '{"id": 1}', now() - n * interval '6 days' / ${count} FROM ${series}`,
  );
  await ask(
    `INSERT INTO storage_removals (kind, thing, name, run_id, bytes, why, asked_by, keep_days, decided_at, finished_at)
     SELECT 'checkpoints_of_completed_runs', n, 'checkpoints of job-' || n, n, 500000000, 'removed by policy', 'policy', 7, ${at}, ${at} FROM ${series}`,
  );
  await ask(
    `INSERT INTO exports (run_id, format, quantization, status, files, created_at, updated_at, finished_at)
     SELECT id, 'gguf', 'q8_0', 'completed', '[{"path": "model.gguf", "bytes": 500000000}]', finished_at, finished_at, finished_at
     FROM runs WHERE status = 'completed' ORDER BY id LIMIT ${count}`,
  );
  await ask(
    `INSERT INTO promotions (project_id, run_id, how, reason, linked_at, created_at)
     SELECT project_id, id, 'promoted', 'better', finished_at, finished_at FROM runs WHERE project_id IS NOT NULL AND status = 'completed' ORDER BY id LIMIT ${count}`,
  );
  await ask(
    `INSERT INTO votes (run_id, left_model, right_model, better, blind, said) SELECT ${lastRunId} - n, 'none/such', 'job-1', 'right', true, '{}' FROM ${series} WHERE n < ${lastRunId} - 10`,
  );
  await ask(
    `INSERT INTO run_measurements (run_id, device_kind, device_name, threads, model, model_type, parameters, training_type, weight_bytes, activation_checkpointing, batch_size, longest_tokens,
       trainable_parameters, steps, tokens, computed, measured)
     SELECT id, 'cpu', 'CPU', 2, 'none/such', 'llama', 135000000, 'qlora', 2, false, 4, 512, 1000000, 1000, 900000, '{}', '{}' FROM runs WHERE status = 'completed' ORDER BY id LIMIT ${count}`,
  );
  await ask(
    `INSERT INTO workers (id, host, desired, status, asked, asked_at, started_at, last_activity_at, stopped_at)
     SELECT 'ended-' || n, 'nowhere', 'stopped', CASE WHEN n % 2 = 0 THEN 'error' ELSE 'stopped' END, (ARRAY['start', 'stop', 'restart'])[n % 3 + 1], ended, ended, ended, ended
     FROM (SELECT n, now() - n * interval '29 days' / ${count} - interval '1 hour' AS ended FROM ${series}) AS worker`,
  );
  await ask(
    `INSERT INTO model_downloads (key, name, revision, host, status, cleaned_at, finished_at) SELECT gen_random_uuid(), 'org/model-' || n % 200, 'main', 'test-host', 'completed', ${at}, ${at} FROM ${series}`,
  );
  await ask(
    `INSERT INTO sweeps (name, spec, duplicates_dropped, status, finished_at)
     SELECT 'sweep ' || n, '{"job": {"dataset_id": 1}, "search": {"method": "grid", "hyperparameters": {"learning_rate": [0.001, 0.002]}}, "early_stop": null, "max_concurrent_runs": 2}', 0, 'cancelled', ${at} FROM ${series}`,
  );
  await ask(
    `INSERT INTO api_keys (name, role, public_part, sha256, created_by, revoked_at) SELECT 'key ' || n, 'viewer', 'mtm_' || n, md5(n::text) || md5('k' || n), 'settings', ${at} FROM ${series}`,
  );
  await ask(
    `INSERT INTO openai_files (id, purpose, filename, bytes, sha256, path) SELECT 'file-' || n, 'fine-tune', 'rows.jsonl', 1000, repeat('0', 64), '/nowhere/' || n FROM ${series}`,
  );
  await ask(
    `INSERT INTO openai_jobs (id, job_id, model, training_file, result_file, seed, hyperparameters, fingerprint, method)
     SELECT 'ftjob-' || n, job_id, 'none/such', 'file-1', 'file-r' || n, 1, '{}', repeat('0', 64), 'supervised'
     FROM (SELECT row_number() OVER (ORDER BY id) AS n, id AS job_id FROM jobs ORDER BY id LIMIT ${count}) AS job`,
  );
  await ask(
    `INSERT INTO openai_uploads (id, status, bytes, filename, purpose, expires_at) SELECT 'upload_' || n, 'cancelled', 1000, 'rows.jsonl', 'fine-tune', now() + interval '1 hour' FROM ${series}`,
  );
}
