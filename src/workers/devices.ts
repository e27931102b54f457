import { execa } from 'execa';
import type { Env } from '../env.ts';

const CPU = 'cpu';
const LOOK_TIMEOUT_MS = 10_000;

/** What the workers of this machine may train on: what MTM_DEVICES says, or every NVIDIA GPU, or else the CPU. */
export async function devicesOf(env: Pick<Env, 'devices'>): Promise<string[]> {
  if (env.devices) return env.devices;
  const { stdout, exitCode } = await execa('nvidia-smi', ['-L'], { reject: false, timeout: LOOK_TIMEOUT_MS });
  return gpusIn(exitCode === 0 ? stdout : '') ?? [CPU];
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

/** The first device on which no worker runs; null when there is none. */
export function freeDevice(devices: string[], taken: (string | null)[]): string | null {
  return devices.find((device) => device === CPU || !taken.includes(device)) ?? null;
}

/** Lets a process, and the trainers that it starts, see this device alone. */
export function deviceVariables(device: string): Record<string, string> {
  if (device === CPU) return { CUDA_VISIBLE_DEVICES: '' };
  // By themselves the libraries number GPUs by speed, and nvidia-smi by their place on the bus.
  return { CUDA_VISIBLE_DEVICES: device.slice('cuda:'.length), CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
}
