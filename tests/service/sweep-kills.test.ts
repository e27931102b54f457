import assert from 'node:assert/strict';
import { csvRows } from '../support/rows.ts';
import { type ApiClient, clientOf, TINY_MODEL } from '../support/service.ts';
import { killableService, killEverything, withTinyModel } from '../support/started-service.ts';
import { type Sweep, sweepsOf } from '../support/sweeps.ts';

const RUNGS = [4, 8];

describe('a sweep of eight runs with halving', function () {
  this.timeout(420_000);
  const killable = killableService(withTinyModel);
  const start = async (): Promise<ApiClient> => clientOf(await killable.start());

  it('survives SIGKILL of everything, twice, and names the winner of an undisturbed one by the same losses', async () => {
    // Let judgeRuns (src/activities/sweeps/judge-runs.ts) forget the rungs before (rungs: [decision]), and it judges the last one again.
    let service = await start();
    const dataset = await service.upload('rows.csv', csvRows(200));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 2 });
    const asked = {
      name: 'eight',
      job: {
        ...{ dataset_id: dataset.body.id, model_name: TINY_MODEL, training_type: 'lora' },
        ...{ batch_size: 2, max_steps: 12, max_length: 64, lora_dropout: 0 },
      },
      search: {
        method: 'grid',
        hyperparameters: { learning_rate: [0.0001, 0.001, 0.01, 0.1], lora_r: [2, 4] },
      },
      early_stop: { method: 'halving', rungs: RUNGS },
      max_concurrent_runs: 2,
    };

    const killed = await sweepsOf(service).create(asked);
    assert.equal(killed.runs.length, 8);
    // While runs of the first rung train: some are held, some train, some have not begun.
    await sweepsOf(service).reached('two held runs', killed.id, ({ runs }) => heldOf(runs).length >= 2);
    await killEverything(killable.env);
    service = await start();
    // And once the worse half was stopped, while the better one goes on.
    await sweepsOf(service).reached('its first rung', killed.id, ({ rungs_done }) => rungs_done >= 1);
    await killEverything(killable.env);
    service = await start();
    const ended = await sweepsOf(service).ended(killed.id);

    const undisturbed = await sweepsOf(service).ended((await sweepsOf(service).create(asked)).id);
    assert.equal(ended.status, 'completed', String(ended.error_message));
    assert.deepEqual(ended.winner?.settings, undisturbed.winner?.settings);
    assert.equal(ended.winner?.held_out_loss, undisturbed.winner?.held_out_loss);
    assert.deepEqual(figuresOf(ended), figuresOf(undisturbed));
    // Eight, four and two: what stopped the others says so.
    assert.deepEqual(
      ended.rungs.map(({ step, kept, stopped }) => [step, kept.length, stopped.length]),
      [
        [4, 4, 4],
        [8, 2, 2],
      ],
    );
    assert.deepEqual(ended.runs.map(({ status }) => status).sort(), [
      ...Array(6).fill('cancelled'),
      ...Array(2).fill('completed'),
    ]);
    for (const { status, current_step, error_message, rung_losses } of ended.runs) {
      if (status === 'completed') continue;
      assert.ok(RUNGS.includes(current_step), `it was stopped at step ${current_step}, and not a step later`);
      const loss = rung_losses[RUNGS.indexOf(current_step)];
      const said = new RegExp(
        `^Stopped at step ${current_step} by sweep \\d+: held-out loss ${loss?.toPrecision(4)}, and`,
      );
      assert.match(String(error_message), said);
    }
  });
});

const heldOf = (runs: Sweep['runs']) =>
  runs.filter(({ rung_losses, phase }) => phase === 'paused' && rung_losses[0] !== null);

/** What a kill must not change. */
const figuresOf = ({ runs }: Sweep) =>
  runs.map(({ settings, status, rung_losses, held_out_loss }) => ({ settings, status, rung_losses, held_out_loss }));
