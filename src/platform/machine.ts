import { readFile } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import type { Disk } from './disks.ts';
import { ifUsable } from './files.ts';

/** What a host says of its memory, of what computes on it, and of its disks. */
export interface Machine {
  /** Of the host, or what its control group or MTM_MEMORY_BYTES allows of it. */
  bytes: number;
  available_bytes: number;
  cpu: string;
  /** Whether torch computes in bf16 on this CPU. */
  cpu_has_bf16: boolean;
  /** By the names of devices.ts; none where nvidia-smi tells of none. */
  gpus: Gpu[];
  /** Not there of agents from before they told it. */
  disks?: Disk[];
}
export interface Gpu {
  device: string;
  name: string;
  bytes: number;
  free_bytes: number;
  has_bf16: boolean;
}

const GROUPS = '/sys/fs/cgroup';
const MIB = 2 ** 20;
const LOOK_TIMEOUT_MS = 10_000;
/** The first whose cores have instructions for bf16. */
const AMPERE = 8;
/** As torch decides it: mkldnn_bf16_device_check in aten/src/ATen/native/mkldnn/Utils.h. */
const BF16_ON_X86 = ['avx512bw', 'avx512vl', 'avx512dq'];

/** What this host has. Asks nvidia-smi where `gpus` are not known yet. */
export async function machineOf({ memoryBytes }: { memoryBytes: number | undefined }, gpus?: Gpu[]): Promise<Machine> {
  const [limits, info] = await Promise.all([groupLimits(), ifUsable(readFile('/proc/cpuinfo', 'utf8'))]);
  const available = Number(
    /^MemAvailable:\s+(\d+) kB/m.exec((await ifUsable(readFile('/proc/meminfo', 'utf8'))) ?? '')?.[1],
  );
  const bytes = Math.min(totalmem(), memoryBytes ?? Number.POSITIVE_INFINITY, ...limits.map(({ most }) => most));
  const free = available ? available * 1024 : freemem();
  return {
    bytes,
    available_bytes: Math.max(0, Math.min(bytes, free, ...limits.map(({ left }) => left))),
    cpu: cpus()[0]?.model.trim() || process.arch,
    cpu_has_bf16: hasBf16(info ?? ''),
    gpus: gpus ?? (await gpusOf()),
  };
}

export function hasBf16(cpuinfo: string): boolean {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(' ') ?? []);
  const features = /^Features\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(' ') ?? [];
  return BF16_ON_X86.every((flag) => flags.has(flag)) || features.includes('bf16');
}

const GpuSchema = z.tuple([z.coerce.number(), z.string(), z.coerce.number(), z.coerce.number(), z.coerce.number()]);
const FIGURES = 'index,name,memory.total,memory.free,compute_cap';

export async function gpusOf(): Promise<Gpu[]> {
  const args = [`--query-gpu=${FIGURES}`, '--format=csv,noheader,nounits'];
  const { stdout, exitCode } = await execa('nvidia-smi', args, { reject: false, timeout: LOOK_TIMEOUT_MS });
  return exitCode === 0 ? gpusIn(stdout) : [];
}

/** What nvidia-smi lists, a line for each. One that does not tell a figure ([N/A]) is left out. */
export function gpusIn(listed: string): Gpu[] {
  return listed.split('\n').flatMap((line) => {
    const parsed = GpuSchema.safeParse(line.split(',').map((part) => part.trim()));
    if (!parsed.success) return [];
    const [index, name, total, free, capability] = parsed.data;
    if (!(total > 0)) return [];
    return [
      { device: `cuda:${index}`, name, bytes: total * MIB, free_bytes: free * MIB, has_bf16: capability >= AMPERE },
    ];
  });
}

/** Of the control groups of this process that have a limit of memory, and of those above them (as trainer/platform/memory.py reads them). */
async function groupLimits(): Promise<{ most: number; left: number }[]> {
  const own = (await ifUsable(readFile('/proc/self/cgroup', 'utf8'))) ?? '';
  const found = own.split('\n').map(async (line) => {
    const [, controllers, ...path] = line.split(':');
    if (controllers === '') return await limitsAbove(GROUPS, path.join(':'), 'memory.max', 'memory.current');
    if (controllers !== 'memory') return [];
    return await limitsAbove(join(GROUPS, 'memory'), path.join(':'), 'memory.limit_in_bytes', 'memory.usage_in_bytes');
  });
  return (await Promise.all(found)).flat();
}

async function limitsAbove(root: string, group: string, limit: string, usage: string) {
  const limits = [];
  for (let folder = join(root, group); folder.startsWith(root); folder = dirname(folder)) {
    const most = Number(await ifUsable(readFile(join(folder, limit), 'utf8')));
    const used = Number(await ifUsable(readFile(join(folder, usage), 'utf8')));
    const stat = (await ifUsable(readFile(join(folder, 'memory.stat'), 'utf8'))) ?? '';
    // What it has of files is given up where memory is short.
    const files = [...stat.matchAll(/^(?:total_)?(?:in)?active_file (\d+)$/gm)].reduce(
      (sum, [, bytes]) => sum + Number(bytes),
      0,
    );
    if (most > 0) limits.push({ most, left: most - used + files });
  }
  return limits;
}
