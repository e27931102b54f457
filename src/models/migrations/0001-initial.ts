/** The first schema: every entity, with the rules that the database itself keeps. */
export const name = '0001-initial';

export const sql = `
CREATE TABLE datasets (
  id               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name             varchar(255) NOT NULL CHECK (name <> ''),
  description      text,
  filename         text NOT NULL,
  file_path        text NOT NULL UNIQUE,
  parquet_path     text NOT NULL UNIQUE,
  file_type        varchar(16) NOT NULL,
  file_size        bigint NOT NULL CHECK (file_size >= 0),
  row_count        bigint NOT NULL CHECK (row_count >= 0),
  usable_row_count bigint NOT NULL CHECK (usable_row_count BETWEEN 0 AND row_count),
  column_count     integer NOT NULL CHECK (column_count >= 0),
  columns          jsonb NOT NULL,
  mapping          jsonb,
  sha256           char(64) NOT NULL,
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL
);

CREATE TABLE jobs (
  id               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name             varchar(255) NOT NULL CHECK (name <> ''),
  description      text,
  dataset_id       integer NOT NULL REFERENCES datasets ON DELETE RESTRICT,
  training_type    varchar(16) NOT NULL CHECK (training_type IN ('qlora', 'rag', 'standard')),
  model_name       varchar(255) NOT NULL,
  batch_size       integer NOT NULL CHECK (batch_size BETWEEN 1 AND 64),
  learning_rate    double precision NOT NULL CHECK (learning_rate BETWEEN 1e-6 AND 1),
  epochs           integer NOT NULL CHECK (epochs BETWEEN 1 AND 100),
  lora_r           integer NOT NULL CHECK (lora_r BETWEEN 1 AND 256),
  lora_alpha       integer NOT NULL CHECK (lora_alpha BETWEEN 1 AND 512),
  lora_dropout     double precision NOT NULL CHECK (lora_dropout BETWEEN 0 AND 1),
  hyperparameters  jsonb NOT NULL,
  latest_run_id    integer,
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL
);
CREATE INDEX jobs_dataset ON jobs (dataset_id);

CREATE TABLE projects (
  id               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name             varchar(255) NOT NULL CHECK (name <> ''),
  description      text,
  base_model       varchar(255) NOT NULL,
  training_type    varchar(16) NOT NULL CHECK (training_type IN ('qlora', 'rag', 'standard')),
  max_rows         integer NOT NULL CHECK (max_rows >= 1),
  output_directory text NOT NULL,
  hyperparameters  jsonb NOT NULL,
  latest_run_id    integer,
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL
);

CREATE TABLE project_traits (
  id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
  trait_type varchar(32) NOT NULL CHECK (trait_type IN ('reasoning', 'coding', 'general_tools')),
  UNIQUE (project_id, trait_type)
);

-- project_id stands here too, so that the database itself refuses the same dataset twice in one project.
CREATE TABLE trait_datasets (
  id                     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  trait_id               integer NOT NULL REFERENCES project_traits ON DELETE CASCADE,
  project_id             integer NOT NULL REFERENCES projects ON DELETE CASCADE,
  dataset_id             integer NOT NULL REFERENCES datasets ON DELETE RESTRICT,
  percentage_thousandths integer NOT NULL CHECK (percentage_thousandths BETWEEN 1 AND 100000),
  UNIQUE (project_id, dataset_id)
);
CREATE INDEX trait_datasets_trait ON trait_datasets (trait_id);
CREATE INDEX trait_datasets_dataset ON trait_datasets (dataset_id);

CREATE TABLE training_config (
  id                     integer PRIMARY KEY CHECK (id = 1),
  max_concurrent_workers integer NOT NULL CHECK (max_concurrent_workers BETWEEN 1 AND 32),
  default_model          varchar(255) NOT NULL,
  default_training_type  varchar(16) NOT NULL CHECK (default_training_type IN ('qlora', 'rag', 'standard')),
  default_batch_size     integer NOT NULL CHECK (default_batch_size BETWEEN 1 AND 64),
  default_learning_rate  double precision NOT NULL CHECK (default_learning_rate BETWEEN 1e-6 AND 1),
  default_epochs         integer NOT NULL CHECK (default_epochs BETWEEN 1 AND 100),
  default_lora_r         integer NOT NULL CHECK (default_lora_r BETWEEN 1 AND 256),
  default_lora_alpha     integer NOT NULL CHECK (default_lora_alpha BETWEEN 1 AND 512),
  default_lora_dropout   double precision NOT NULL CHECK (default_lora_dropout BETWEEN 0 AND 1),
  auto_start_workers     boolean NOT NULL,
  created_at             timestamptz NOT NULL,
  updated_at             timestamptz NOT NULL
);
INSERT INTO training_config VALUES (1, 4, 'llama3.2:3b', 'qlora', 4, 0.0002, 3, 16, 32, 0.05, false, now(), now());

CREATE TABLE hosts (
  name         varchar(63) PRIMARY KEY,
  agent_pid    integer NOT NULL,
  heartbeat_at timestamptz NOT NULL,
  started_at   timestamptz NOT NULL
);

CREATE TABLE workers (
  id               varchar(64) PRIMARY KEY,
  host             varchar(63) NOT NULL,
  desired          varchar(16) NOT NULL CHECK (desired IN ('running', 'stopped')),
  status           varchar(16) NOT NULL CHECK (status IN ('starting', 'idle', 'busy', 'stopped', 'error')),
  pid              integer,
  pid_started      text,
  device           varchar(32) NOT NULL,
  current_run_id   integer,
  runs_completed   integer NOT NULL DEFAULT 0,
  replaces         varchar(64),
  reason           text,
  started_at       timestamptz NOT NULL,
  last_activity_at timestamptz NOT NULL,
  heartbeat_at     timestamptz,
  stopped_at       timestamptz
);
CREATE INDEX workers_host_desired ON workers (host, desired);

CREATE TABLE runs (
  id                  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id              integer REFERENCES jobs ON DELETE CASCADE,
  project_id          integer REFERENCES projects ON DELETE CASCADE,
  number              integer NOT NULL CHECK (number >= 1),
  spec                jsonb NOT NULL,
  status              varchar(16) NOT NULL CHECK (status IN ('pending', 'queued', 'running', 'completed', 'failed', 'cancelled')),
  phase               varchar(32) NOT NULL,
  progress            double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
  current_step        integer NOT NULL DEFAULT 0,
  total_steps         integer,
  current_epoch       integer NOT NULL DEFAULT 0,
  current_loss        double precision,
  tokens_per_s        double precision,
  seconds_left        double precision,
  lease_epoch         integer NOT NULL DEFAULT 0,
  lease_expires_at    timestamptz,
  worker_id           varchar(64),
  error_class         varchar(64),
  error_message       text,
  plan                jsonb,
  result              jsonb,
  validation          jsonb,
  output_path         text,
  workflow_id         text NOT NULL UNIQUE,
  workflow_started_at timestamptz,
  workflow_closed_at  timestamptz,
  created_at          timestamptz NOT NULL,
  updated_at          timestamptz NOT NULL,
  started_at          timestamptz,
  finished_at         timestamptz,
  CHECK (num_nonnulls(job_id, project_id) = 1),
  CHECK (status <> 'failed' OR (error_class IS NOT NULL AND error_message <> '')),
  CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
  UNIQUE (job_id, number),
  UNIQUE (project_id, number)
);
CREATE UNIQUE INDEX runs_one_open_per_job ON runs (job_id) WHERE status IN ('pending', 'queued', 'running');
CREATE UNIQUE INDEX runs_one_open_per_project ON runs (project_id) WHERE status IN ('pending', 'queued', 'running');
CREATE INDEX runs_to_dispatch ON runs (id) WHERE workflow_started_at IS NULL;
CREATE INDEX runs_workflow_open ON runs (id) WHERE workflow_started_at IS NOT NULL AND workflow_closed_at IS NULL;
ALTER TABLE jobs ADD FOREIGN KEY (latest_run_id) REFERENCES runs ON DELETE SET NULL;
ALTER TABLE projects ADD FOREIGN KEY (latest_run_id) REFERENCES runs ON DELETE SET NULL;

-- The last line of defence for "completed, failed and cancelled are final": no bug of the service can revive a run.
CREATE FUNCTION refuse_change_of_final_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status IN ('completed', 'failed', 'cancelled') AND NEW.status <> OLD.status THEN
    RAISE EXCEPTION 'run % is % and cannot become %', OLD.id, OLD.status, NEW.status;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER runs_final_status BEFORE UPDATE OF status ON runs
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_final_status();

CREATE TABLE run_events (
  seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id     integer NOT NULL REFERENCES runs ON DELETE CASCADE,
  kind       varchar(32) NOT NULL,
  data       jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX run_events_run ON run_events (run_id, seq);

CREATE TABLE run_metrics (
  run_id        integer NOT NULL REFERENCES runs ON DELETE CASCADE,
  step          integer NOT NULL,
  epoch         double precision NOT NULL,
  loss          double precision,
  eval_loss     double precision,
  learning_rate double precision,
  grad_norm     double precision,
  tokens        bigint,
  tokens_per_s  double precision,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, step)
);

CREATE TABLE checkpoints (
  id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id          integer NOT NULL REFERENCES runs ON DELETE CASCADE,
  lease_epoch     integer NOT NULL,
  step            integer NOT NULL,
  epoch           double precision NOT NULL,
  path            text NOT NULL,
  manifest_sha256 char(64) NOT NULL,
  bytes           bigint NOT NULL,
  state           varchar(16) NOT NULL CHECK (state IN ('complete', 'pruned', 'quarantined')),
  created_at      timestamptz NOT NULL DEFAULT now(),
  UNIQUE (run_id, lease_epoch, step)
);
`;
