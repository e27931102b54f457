import { execa } from 'execa';
import type { Env } from './env.ts';

const CPU = 'cpu';
const LOOK_TIMEOUT_MS = 10_000;

/**
 * What the workers of this machine may train on: what MTM_DEVICES says, or every NVIDIA GPU, or else the CPU. One entry is
 * for one worker: `cpu`, or the GPUs of a run, as `cuda:0,cuda:1`.
 * @throws Error with the remedy when there are fewer GPUs than a run is to have.
 */
export async function devicesOf(env: Pick<Env, 'devices' | 'devicesPerRun'>): Promise<string[]> {
  return groupsOf(env.devices ?? (await foundDevices()), env.devicesPerRun);
}

async function foundDevices(): Promise<string[]> {
  const { stdout, exitCode } = await execa('nvidia-smi', ['-L'], { reject: false, timeout: LOOK_TIMEOUT_MS });
  return gpusIn(exitCode === 0 ? stdout : '') ?? [CPU];
}

/** GPUs together as a run has them; those that are left over are not used. The CPU is one device, whatever shares it. */
export function groupsOf(devices: string[], perRun: number): string[] {
  if (devices.includes(CPU)) return devices;
  const groups = devices.flatMap((_, at) => (at % perRun === 0 ? [devices.slice(at, at + perRun)] : []));
  const whole = groups.filter((group) => group.length === perRun);
  if (whole.length > 0) return whole.map((group) => group.join(','));
  throw new Error(
    `MTM_DEVICES_PER_RUN is ${perRun}, and this host has ${devices.length} GPU(s): ${devices.join(', ')}. Set it to ${devices.length} or less.`,
  );
}

/** The GPUs that `nvidia-smi -L` lists, in the order of the bus; null when there is none. */
export function gpusIn(listed: string): string[] | null {
  const gpus = [...listed.matchAll(/^GPU (\d+):/gm)].map(([, index]) => `cuda:${index}`);
  return gpus.length > 0 ? gpus : null;
}

/** How many workers a host has room for. A CPU is shared by as many as are wanted. */
export function slotsOf(devices: string[]): number {
  return devices.includes(CPU) ? Number.POSITIVE_INFINITY : devices.length;
}

/** The first device on which no worker runs, nor on a part of it; null when there is none. */
export function freeDevice(devices: string[], taken: (string | null)[]): string | null {
  const inUse = new Set(taken.flatMap((device) => device?.split(',') ?? []));
  return devices.find((device) => device === CPU || !device.split(',').some((gpu) => inUse.has(gpu))) ?? null;
}

/** Lets a process, and the trainers that it starts, see this device alone. */
export function deviceVariables(device: string): Record<string, string> {
  if (device === CPU) return { CUDA_VISIBLE_DEVICES: '' };
  // By themselves the libraries number GPUs by speed, and nvidia-smi by their place on the bus.
  return { CUDA_VISIBLE_DEVICES: device.replaceAll('cuda:', ''), CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
}
