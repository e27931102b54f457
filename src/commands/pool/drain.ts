import * as drains from '../../models/pool/drain.ts';
import { Host } from '../../models/pool/host.ts';
import { Worker } from '../../models/pool/worker.ts';
import { NotFoundError, UserError } from '../../platform/failure.ts';

/** What is to be emptied, so that somebody can work on it. */
export type Drained = { host: string } | { worker: string };

/**
 * Lets nothing begin there any more. What is trained there goes on to its end, or, with `isMoved`, is saved and goes on elsewhere.
 * Asked for again it says how from now on.
 * @throws NotFoundError where there is no such host, or nobody wants that worker
 */
export async function drain(what: Drained, isMoved: boolean): Promise<void> {
  const how = isMoved ? 'move' : 'finish';
  const isThere = 'host' in what ? await drains.drainHost(what.host, how) : await drains.drainWorker(what.worker, how);
  if (!isThere) throw await unknown(what);
}

/** Lets runs begin there again. @throws UserError where nothing is drained */
export async function undrain(what: Drained): Promise<void> {
  if ('host' in what) {
    if (await drains.undrainHost(what.host)) return;
    if (!(await Host.findByPk(what.host))) throw await unknown(what);
    throw new UserError(`Host ${what.host} is not being drained. GET /workers/ shows which hosts are.`);
  }
  if (await drains.undrainWorker(what.worker)) return;
  const worker = await Worker.findOne({ where: { id: what.worker, desired: 'running' } });
  if (!worker) throw await unknown(what);
  const host = await Host.findByPk(worker.host);
  const remedy = host?.drain ? ` Its host is: end that drain, of ${worker.host}.` : '';
  throw new UserError(`Worker ${what.worker} is not being drained.${remedy}`);
}

async function unknown(what: Drained): Promise<NotFoundError> {
  const rows =
    'host' in what
      ? (await Host.findAll({ order: ['name'] })).map(({ name }) => name)
      : (await Worker.findAll({ where: { desired: 'running' }, order: ['id'] })).map(({ id }) => id);
  const [kind, name] = 'host' in what ? ['host', what.host] : ['worker', what.worker];
  const others = rows.length === 0 ? 'There is none.' : `There are ${rows.join(', ')}.`;
  return new NotFoundError(`There is no ${kind} ${name}. ${others}`);
}
