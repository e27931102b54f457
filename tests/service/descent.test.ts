import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { commandLineOf } from '../support/command-line.ts';
import { settledPool } from '../support/hosts.ts';
import { assertWeights, type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';
import { trainerOf } from '../support/trainers.ts';

type Body = Record<string, unknown>;
interface ShownRun {
  id: number;
  number: number;
  starts_from: { name: string; kind: string; sha256: string; checkpoint: number | null; run: Body | null } | null;
  started_from_it: Body[];
}

describe('a training that begins from another one', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let root: string;
  let jobs: Jobs;
  let others: number;
  let pairs: number;
  let parent: number;

  const uploaded = async (name: string, rows: object[]) => {
    const { body } = await service.upload(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return Number(body.id);
  };
  const runOf = async (id: number): Promise<ShownRun> => {
    const { body } = await service.call('GET', `/jobs/${id}/runs`);
    return (body as unknown as { items: ShownRun[] }).items[0] as ShownRun;
  };
  const refused = async (expected: RegExp, options: Body) => {
    const asked = { name: 'refused', dataset_id: others, training_type: 'qlora', ...options };
    const { status, body } = await service.call('POST', '/jobs/', asked);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(String(body.detail), expected);
  };
  const workers = async (count: number) => {
    await service.call('POST', '/workers/', count > 0 ? { action: 'start', worker_count: count } : { action: 'stop' });
    await settledPool(service, count);
  };

  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'mtm-descent-')));
    ({ service, remove } = await startTestService({ modelRoots: [root] }));
    await workers(1);
    const rows = Array.from({ length: 30 }, (_, i) => ({ prompt: `question ${i}`, completion: `answer ${i % 7}` }));
    jobs = jobsOf(service, await uploaded('rows.jsonl', rows));
    const other = Array.from({ length: 40 }, (_, i) => ({ prompt: `question ${i}`, completion: `fish ${i % 5}` }));
    others = await uploaded('others.jsonl', other);
    pairs = await uploaded(
      'pairs.jsonl',
      Array.from({ length: 24 }, (_, i) => ({ prompt: `question ${i}`, chosen: `fish ${i % 7}!`, rejected: 'bird' })),
    );
    parent = await jobs.create({ training_type: 'qlora', save_steps: 5, learning_rate: 0.01 });
  });
  after(async () => {
    await remove?.();
    await rm(root, { recursive: true, force: true });
  });

  it('begins from a checkpoint with other data, and a kill in the middle changes nothing of it', async () => {
    await jobs.ended(parent);
    const { body } = await service.call('GET', `/jobs/${parent}/checkpoints`);
    const [, older] = (body as unknown as { items: { step: number }[] }).items;
    const step = Number(older?.step);
    // Of so many steps that the kill comes in the middle, however fast the machine is.
    const asked = { training_type: 'qlora', dataset_id: others, epochs: 8 };
    const options = { ...asked, starts_from: { job_id: parent, checkpoint: step } };
    const undisturbed = await jobs.ended(await jobs.create(options));
    assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));
    assert.deepEqual(undisturbed.starts_from, options.starts_from);
    // Leave `start` out of the run file (src/activities/runs/train-model.ts) and it is compared with its base model.
    assert.match(
      String(undisturbed.verdict_summary),
      new RegExp(`began from here \\(the checkpoint of step ${step} of run 1 of job ${parent}\\)`),
    );

    const id = await jobs.create(options);
    await jobs.atStep(id, 22);
    process.kill(await trainerOf(service.env.home), 'SIGKILL');
    assertWeights(await jobs.ended(id), undisturbed);
    assert.equal(stepsIn(await jobs.eventsOf(id), 'resumed').length, 1);
    const run = await runOf(id);
    const { sha256, ...from } = run.starts_from ?? assert.fail('it says nothing of its start');
    assert.match(sha256, /^[0-9a-f]{64}$/);
    const name = `the checkpoint of step ${step} of run 1 of job ${parent}`;
    const ofParent = { job_id: parent, project_id: null, number: 1 };
    assert.deepEqual(from, { name, kind: 'adapter', checkpoint: step, run: ofParent });
    assert.deepEqual(
      (await runOf(parent)).started_from_it.map(({ job_id }) => job_id),
      [undisturbed.id, id],
    );
    const card = await readFile(join(String(undisturbed.output_path), 'README.md'), 'utf8');
    assert.ok(card.includes(`It began from ${name} (sha256 \`${sha256}\`)`), card);
  });

  it('begins from a folder with an adapter, and all weights of a training become the base of the next', async () => {
    const { output_path: output } = await jobs.ended(parent);
    const adapter = join(root, 'adapter');
    await cp(join(String(output), 'adapter'), adapter, { recursive: true });
    // Leave `start` out of what planTraining estimates (src/commands/runs/plan-training.ts) and neither takes room for a whole model.
    const copyOf = async (lora_r: number) => {
      const asked = { dataset_id: others, training_type: 'lora', lora_r, starts_from: { path: adapter } };
      const { status, body } = await service.call('POST', '/jobs/plan', asked);
      assert.equal(status, 200, JSON.stringify(body));
      return (body as { estimate: { disk: { parts: { start_copy: number } } } }).estimate.disk.parts.start_copy;
    };
    assert.deepEqual([(await copyOf(4)) > 0, (await copyOf(2)) > 0], [false, true]);
    // Its config names its base model. Another rank: it is merged.
    const merged = await jobs.ended(
      await jobs.create({ model_name: undefined, training_type: 'lora', lora_r: 2, starts_from: { path: adapter } }),
    );
    assert.equal(merged.status, 'completed', String(merged.error_message));
    assert.equal(merged.model_name, TINY_MODEL);
    const manifest = JSON.parse(await readFile(join(String(merged.output_path), 'manifest.json'), 'utf8'));
    assert.equal(manifest.adapter_upon, 'start');
    assert.equal(manifest.started_from.name, adapter);
    // Answer with output/adapter upon the base (src/commands/openai/serve-model.ts) and it is not the model that answers.
    await refused(/lie upon what that run itself began from/, {
      starts_from: { job_id: merged.id, checkpoint: 'best' },
    });

    const standard = await jobs.ended(await jobs.create({ training_type: 'standard', learning_rate: 0.01 }));
    const dpo = await jobs.ended(
      await jobs.create({ training_type: 'dpo', dataset_id: pairs, starts_from: { job_id: standard.id, run: 1 } }),
    );
    assert.equal(dpo.status, 'completed', String(dpo.error_message));
    assert.equal((await runOf(Number(dpo.id))).starts_from?.kind, 'model');
    const losses = ({ validation }: Body) =>
      (validation as { traits: { tuned: { loss: number } }[] }).traits[0]?.tuned.loss;
    assert.ok(losses(dpo));
  });

  it('goes on whatever becomes of the run that it begins from', async () => {
    const last = await jobs.ended(await jobs.create({ training_type: 'standard', save_steps: 10, epochs: 1 }));
    const { body } = await service.call('GET', `/jobs/${last.id}/checkpoints`);
    const [newest] = (body as unknown as { items: { step: number }[] }).items;
    await workers(0);
    const asked = { training_type: 'lora', starts_from: { job_id: last.id, checkpoint: newest?.step } };
    const id = await jobs.create(asked);
    const { id: runId } = await runOf(Number(last.id));
    assert.equal((await service.call('DELETE', `/jobs/${last.id}`)).status, 204);
    // What the tidying does, sooner or later. Keep nothing when it is asked for (src/commands/runs/find-start.ts) and nothing is left to begin from.
    await rm(join(service.env.home, 'runs', String(runId)), { recursive: true, force: true });
    await workers(1);
    const child = await jobs.ended(id);
    assert.equal(child.status, 'completed', String(child.error_message));
    const { starts_from } = await runOf(id);
    assert.equal(starts_from?.run, null);
    assert.equal(starts_from?.name, `the checkpoint of step ${newest?.step} of run 1 of job ${last.id}`);
    const again = await service.call('POST', `/jobs/${id}/start`, { fresh: true });
    assert.equal(again.status, 200, JSON.stringify(again.body));
    assert.equal((await jobs.ended(id)).weights_sha256, child.weights_sha256);
  });

  it('follows the first part of a project, and what is killed, cancelled and retried of it stays one run', async () => {
    const traits = (id: number) => [{ trait_type: 'coding', datasets: [{ dataset_id: id, percentage: 100 }] }];
    const chosen = { batch_size: 2, epochs: 2, save_steps: 5, lora_r: 4, max_length: 64 };
    const followed_by = { training_type: 'dpo', traits: traits(pairs), epochs: 12, batch_size: 2, save_steps: 5 };
    const asked = { base_model: TINY_MODEL, training_type: 'lora', traits: traits(others), ...chosen, followed_by };
    const plan = await service.call('POST', '/projects/plan', asked);
    assert.equal(plan.status, 200, JSON.stringify(plan.body));
    assert.equal((plan.body as { followed_by: { held_out_rows: number } }).followed_by.held_out_rows > 0, true);
    const created = await service.call('POST', '/projects/', { ...asked, name: 'two', output_directory: 'two' });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    const id = Number(created.body.id);
    const { body: users } = await service.call('GET', `/datasets/${pairs}/users`);
    assert.ok(JSON.stringify(users).includes('"two"'), JSON.stringify(users));
    assert.equal((await service.call('POST', `/projects/${id}/start`)).status, 200);
    const project = async (what: string, is: (body: Body) => boolean) =>
      await until(`project ${id}: ${what}`, async () => {
        const { body } = await service.call('GET', `/projects/${id}`);
        return is(body) ? body : null;
      });
    // Let followerOf of src/cli/runs/watch.ts find none and the watch ends with the first run.
    const watch = commandLineOf(service.env.home, { MTM_SERVER: service.apiUrl }).begin(
      'run',
      'watch',
      `project-${id}`,
    );
    // Leave `createRun` out in src/activities/runs/finish-run.ts and the second run never comes.
    await project(
      'its second run trains',
      ({ run_number, current_step }) => run_number === 2 && Number(current_step) > 6,
    );
    assert.equal((await service.call('POST', `/projects/${id}/cancel`)).status, 200);
    assert.equal(await watch.ended(), EXIT.cancelled);
    assert.ok(
      watch.said.includes(`project-${id}-run-1 has completed. project-${id}-run-2 begins from its model.`),
      watch.said,
    );
    await until('the cancelled run to end', async () => {
      const { status } = await service.call('POST', `/projects/${id}/retry`);
      return status === 200 ? true : null;
    });
    const ended = await project('its end', ({ status }) => status === 'completed' || status === 'failed');
    assert.equal(ended.status, 'completed', String(ended.error_message));
    const { body } = await service.call('GET', `/projects/${id}/runs`);
    const { items } = body as unknown as { items: (ShownRun & { status: string; spec: Body })[] };
    assert.deepEqual(
      items.map(({ number, status, spec, starts_from }) => [number, status, spec.follows, starts_from?.name]),
      [
        [3, 'completed', 1, `run 1 of project ${id}`],
        [2, 'cancelled', 1, `run 1 of project ${id}`],
        [1, 'completed', undefined, undefined],
      ],
    );
    // Leave SHAPE out in src/commands/projects/following.ts and its adapters are of another rank, and merged.
    const manifest = JSON.parse(await readFile(join(String(ended.output_path), 'manifest.json'), 'utf8'));
    assert.equal(manifest.adapter_upon, 'base');
    const wrong = {
      ...asked,
      name: 'wrong',
      output_directory: 'wrong',
      followed_by: { ...followed_by, traits: undefined },
    };
    const refusal = await service.call('POST', '/projects/', wrong);
    assert.match(String(refusal.body.detail), /^followed_by: /);
  });

  it('is refused with what to change', async () => {
    await refused(/starts_from: Job 999 not found/, { starts_from: { job_id: 999 } });
    await refused(/has no checkpoint of step 1, or has it no more\. It has those of step \d+, \d+/, {
      starts_from: { job_id: parent, checkpoint: 1 },
    });
    await refused(/was trained from .*, and this training is of other\/model/, {
      model_name: 'other/model',
      starts_from: { job_id: parent },
    });
    await refused(/training_type is rag, which trains nothing/, {
      training_type: 'rag',
      starts_from: { job_id: parent },
    });
    await refused(/is not below a directory that MTM_MODEL_ROOTS names/, { starts_from: { path: '/etc' } });
    await mkdir(join(root, 'empty'));
    await refused(/has no adapter .* and is no model: config.json is missing/, {
      starts_from: { path: join(root, 'empty') },
    });
    const config = join(root, 'adapter', 'adapter_config.json');
    const its = JSON.parse(await readFile(config, 'utf8'));
    await writeFile(config, JSON.stringify({ ...its, base_model_name_or_path: 'their/model' }));
    await refused(/was trained upon their\/model .* Name their\/model as the base model/, {
      model_name: TINY_MODEL,
      starts_from: { path: join(root, 'adapter') },
    });
    const project = {
      name: 'p',
      output_directory: 'p',
      training_type: 'lora',
      traits: [{ trait_type: 'coding', datasets: [{ dataset_id: others, percentage: 100 }] }],
    };
    const created = await service.call('POST', '/projects/', { ...project, starts_from: { job_id: parent, run: 1 } });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    assert.equal(created.body.base_model, TINY_MODEL);
    const none = await service.call('POST', '/projects/', { ...project, starts_from: { project_id: created.body.id } });
    assert.match(String(none.body.detail), /has not been started/);
  });
});
