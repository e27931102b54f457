import { readFile } from 'node:fs/promises';
import { execa } from 'execa';

/** SIGKILL to a training worker and the trainer that it started, as a crash of the machine would end them. */
export async function killWorkerAndTrainer(workerPid: number): Promise<number[]> {
  const pids = [workerPid, ...(await childrenOf(workerPid))];
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The trainer dies with its worker, perhaps before we reach it.
    }
  }
  return pids;
}

async function childrenOf(pid: number): Promise<number[]> {
  const text =
    process.platform === 'linux'
      ? await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
      : (await execa('pgrep', ['-P', String(pid)], { reject: false })).stdout;
  return text.split(/\s+/).filter(Boolean).map(Number);
}
