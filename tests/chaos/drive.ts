import { setTimeout as after } from 'node:timers/promises';
import { isFinal, type RunStatus } from '../../src/models/runs/statuses.ts';
import { BESIDES } from './besides.ts';
import { type Fault, faultOf, LOST_COMMIT } from './faults.ts';
import { type Hit, measure, measureSplit } from './measure.ts';
import { type CasePlan, nameOf, type PlannedFault, rankOf } from './schedule.ts';
import { SPECS } from './specs.ts';
import type { Strike } from './strikes.ts';
import type { Seen } from './watch.ts';
import type { ChaosWorld, Submitted } from './world.ts';

const LOOK_EVERY_MS = 40;
/** A run of which nothing has changed for so long is stuck. */
const STUCK_AFTER_MS = 240_000;

/** One run under way, and what was done to it. */
export interface Drive {
  plan: CasePlan;
  name: string;
  run: Submitted;
  /** Faults that hit it: its own, and those of others that hit the whole service. */
  hits: Hit[];
  /** Faults of the schedule for which the run ended too early. */
  missed: PlannedFault[];
  /** What happened beside it. */
  beside: string[];
  isStuck: boolean;
  seconds: number;
}

/** All runs under way: a fault of the whole service hits each. */
export class Drives {
  readonly #world: ChaosWorld;
  readonly #underWay = new Set<Drive>();
  readonly #besideTurns = new Map<string, Promise<void>>();

  constructor(world: ChaosWorld) {
    this.#world = world;
  }

  /** Submits a run, hits it as the plan says, and waits for its end. */
  async run(plan: CasePlan, name: string): Promise<Drive> {
    const spec = SPECS[plan.spec];
    if (!spec) throw new Error(`There is no spec ${plan.spec}.`);
    const from = performance.now();
    const isLost = plan.faults.some((fault) => fault.name === LOST_COMMIT);
    const run = await this.#world.submit(spec, name, isLost);
    const drive: Drive = { plan, name, run, hits: [], missed: [], beside: [], isStuck: false, seconds: 0 };
    this.#underWay.add(drive);
    try {
      const beside = this.#happenBeside(drive);
      // Its end is waited for below.
      beside.catch(() => {});
      for (const planned of plan.faults) {
        if (!(await this.#hit(drive, planned))) drive.missed.push(planned);
      }
      const end = await this.#waitFor(drive, (seen) => isFinal(seen.status as RunStatus) && seen.isClosed);
      drive.isStuck = end === null;
      await beside;
    } finally {
      this.#underWay.delete(drive);
      drive.seconds = (performance.now() - from) / 1_000;
    }
    return drive;
  }

  async #happenBeside(drive: Drive): Promise<void> {
    const { beside: planned } = drive.plan;
    const beside = BESIDES.find(({ name }) => name === planned?.name);
    if (!planned || !beside || !(await this.#moment(drive, planned))) return;
    const target = { world: this.#world, run: drive.run, dice: planned.dice };
    // Of each kind one at a time: two would give back what the other took.
    const turn = (this.#besideTurns.get(beside.name) ?? Promise.resolve()).then(() => beside.begin(target));
    this.#besideTurns.set(
      beside.name,
      turn.catch(() => {}),
    );
    await turn;
    drive.beside.push(beside.name);
  }

  /** Waits for the moment, hits, heals, and waits for the recovery. False when the run ended before. */
  async #hit(drive: Drive, planned: PlannedFault): Promise<boolean> {
    const fault = faultOf(planned.name);
    const last = drive.hits.at(-1);
    if (last && !planned.soon) await this.#recovery(drive, last);
    if (fault.kind === 'service' || fault.kind === 'disk') {
      if (!(await this.#moment(drive, planned))) return false;
      return await this.#world.inTurn(async () => {
        const strike = await this.#aim(drive, fault, planned);
        if (!strike) return false;
        const hits = [...this.#underWay].map((each) => this.#note(each, fault, planned, each === drive));
        await strike.inject();
        for (const hit of hits) hit.brokenMs = Date.now();
        await strike.heal();
        for (const hit of hits) healed(hit, strike);
        return true;
      });
    }
    if (!(await this.#moment(drive, planned))) return false;
    const strike = await this.#aim(drive, fault, planned);
    if (!strike) return false;
    const hit = this.#note(drive, fault, planned, true);
    const split = fault.name === 'kill worker' ? measureSplit(this.#world, drive.run, hit) : null;
    await strike.inject();
    hit.brokenMs = Date.now();
    await strike.heal();
    healed(hit, strike);
    if (split) hit.detectedMs = await split;
    return true;
  }

  #note(drive: Drive, fault: Fault, planned: PlannedFault, isOwn: boolean): Hit {
    const seen = this.#world.watch.seen(drive.run.runId);
    const hit: Hit = {
      fault: fault.name,
      kind: fault.kind,
      isOwn,
      moment: nameOf(planned.moment),
      at: seen ? `${seen.status}, ${seen.phase}, step ${seen.step}` : 'not seen yet',
      leaseEpoch: seen?.leaseEpoch ?? 0,
      wasHeld: seen?.status === 'running',
      atMs: Date.now(),
      brokenMs: null,
      healedMs: null,
      detectedMs: null,
      recovery: null,
      isIdle: false,
    };
    drive.hits.push(hit);
    // What is measured is read before a later fault could write over it.
    void measure(this.#world, drive.run, hit).then(
      (recovery) => {
        hit.recovery = recovery;
      },
      // The world ended meanwhile.
      () => {},
    );
    return hit;
  }

  async #moment(drive: Drive, { moment }: PlannedFault): Promise<boolean> {
    return (
      (await this.#waitFor(drive, (seen) => isFinal(seen.status as RunStatus) || placeOf(seen) >= rankOf(moment))) !==
      null
    );
  }

  async #aim(drive: Drive, fault: Fault, { dice, site }: PlannedFault): Promise<Strike | null> {
    const target = { world: this.#world, run: drive.run, dice, ...(site === undefined ? {} : { site }) };
    let strike: Strike | null = null;
    await this.#waitFor(drive, async (seen) => {
      if (isFinal(seen.status as RunStatus)) return true;
      strike = await fault.aim(target);
      return strike !== null;
    });
    return strike;
  }

  async #recovery(drive: Drive, hit: Hit): Promise<void> {
    await this.#waitFor(drive, (seen) => isFinal(seen.status as RunStatus) || hit.recovery !== null);
  }

  /** Null when the run is stuck. */
  async #waitFor(drive: Drive, is: (seen: Seen) => boolean | Promise<boolean>): Promise<Seen | null> {
    let before = '';
    let since = performance.now();
    for (;;) {
      const seen = this.#world.watch.seen(drive.run.runId);
      if (seen && (await is(seen))) return seen;
      const now = JSON.stringify(seen);
      if (now !== before) since = performance.now();
      before = now;
      if (performance.now() - since > STUCK_AFTER_MS) return null;
      await after(LOOK_EVERY_MS);
    }
  }
}

function healed(hit: Hit, strike: Strike): void {
  hit.isIdle = strike.struck?.() === false;
  hit.healedMs = Date.now();
}

/** Where a run is on the scale of rankOf. */
function placeOf(seen: Seen): number {
  const when = { loading: 'loading', training: 'step', exporting: 'exporting', validating: 'validating' } as const;
  if (seen.phase === 'publishing') return rankOf({ when: 'validating', percent: 0 });
  if (seen.status === 'pending') return rankOf({ when: 'created', percent: 0 });
  // Between training and validation it is queued once more.
  if (seen.status !== 'running') return rankOf({ when: seen.isTrained ? 'exporting' : 'queued', percent: 0 });
  const phase = when[seen.phase as keyof typeof when] ?? 'loading';
  return rankOf({ when: phase, percent: (100 * seen.step) / (seen.totalSteps ?? Number.POSITIVE_INFINITY) });
}
