import type { Training } from '../../estimates/training.ts';
import { Host } from '../../models/pool/host.ts';

/** What a run may be trained on: a host's CPU, or the GPUs of one worker. */
export interface PlannedDevice {
  host: string;
  /** As the pool calls it. */
  device: string;
  /** GPUs of one worker; memory is that of each. */
  count: number;
  name: string;
  availableBytes: number;
  /** Of the host; on the CPU, the same as the device's. */
  hostMemory: { bytes: number; availableBytes: number };
  memoryBytes: number;
  kind: Training['device']['kind'];
  hasBf16: boolean;
}

/** Every device of the hosts that are there and tell of their memory: the one that a worker gets first, first. */
export async function plannedDevices(): Promise<PlannedDevice[]> {
  const found = (await Host.present()).flatMap(devicesOf);
  const rank = ({ kind }: PlannedDevice) => (kind === 'cuda' ? 0 : 1);
  return found.sort((a, b) => rank(a) - rank(b) || b.memoryBytes - a.memoryBytes || a.host.localeCompare(b.host));
}

function devicesOf({ name: host, devices, memory }: Host): PlannedDevice[] {
  if (!memory) return [];
  const hostMemory = { bytes: memory.bytes, availableBytes: memory.available_bytes };
  return devices.flatMap((device): PlannedDevice[] => {
    if (device === 'cpu') {
      const ofCpu = { memoryBytes: memory.bytes, availableBytes: memory.available_bytes, hasBf16: memory.cpu_has_bf16 };
      return [{ host, device, count: 1, name: memory.cpu, kind: 'cpu', hostMemory, ...ofCpu }];
    }
    const [first, ...others] = device.split(',');
    const gpu = memory.gpus.find(({ device: known }) => known === first);
    if (!gpu) return [];
    const count = 1 + others.length;
    // As the trainer calls them together (device_name in trainer/platform/device.py), and so what was measured on them.
    const name = count > 1 ? `${count} x ${gpu.name}` : gpu.name;
    const ofGpu = { memoryBytes: gpu.bytes, availableBytes: gpu.free_bytes, hasBf16: gpu.has_bf16 };
    return [{ host, device, count, name, kind: 'cuda', hostMemory, ...ofGpu }];
  });
}

/** As estimates see it. */
export function deviceOf({ kind, count, hasBf16, memoryBytes }: PlannedDevice, threads: number): Training['device'] {
  return { kind, processes: count, threads, hasBf16, memoryBytes };
}
