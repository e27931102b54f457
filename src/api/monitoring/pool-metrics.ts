import type { Registry } from 'prom-client';
import type { HostFigures } from '../../models/monitoring/pool-figures.ts';
import type { Machine } from '../../platform/machine.ts';
import type { DatabaseFigures } from './figures.ts';
import { addGauge, type Samples } from './samples.ts';

/** Workers and the machines that they are on, as their agents told within seconds. */
export function addPoolMetrics(registry: Registry, { workers, maxWorkers, hosts }: DatabaseFigures): void {
  addGauge(
    registry,
    'workers',
    'Training workers, by where they are and what they do',
    workers.map(({ host, device, status, workers: n }) => [{ host, device: device ?? '', status }, n]),
  );
  const wanted = new Map<string, number>();
  for (const { host, wanted: n } of workers) wanted.set(host, (wanted.get(host) ?? 0) + n);
  addGauge(
    registry,
    'workers_wanted',
    'Training workers that are to run, by host',
    [...wanted].map(([host, n]) => [{ host }, n]),
  );
  addGauge(registry, 'workers_max', 'The most workers that may run (max_concurrent_workers)', [[{}, maxWorkers]]);

  addGauge(
    registry,
    'host_up',
    'Whether the agent of a host reports',
    hosts.map(({ name, isUp }) => [{ host: name }, isUp ? 1 : 0]),
  );
  // Of a host that is away nobody knows what its disks and memory are now.
  const known = hosts.filter(({ isUp }) => isUp);
  const ofEach = (samplesOf: (memory: Machine, host: string) => Samples) => samplesOfHosts(known, samplesOf);
  addGauge(
    registry,
    'host_memory_bytes',
    'Memory of a host, or what it may use of it',
    ofEach(({ bytes }, host) => [[{ host }, bytes]]),
  );
  addGauge(
    registry,
    'host_memory_available_bytes',
    'What of it is free for programs',
    ofEach(({ available_bytes }, host) => [[{ host }, available_bytes]]),
  );
  addGauge(
    registry,
    'gpu_memory_total_bytes',
    'Memory of a GPU',
    ofEach(({ gpus }, host) => gpus.map(({ device, name, bytes }) => [{ host, device, name }, bytes])),
  );
  addGauge(
    registry,
    'gpu_memory_free_bytes',
    'What of it is free, as nvidia-smi says each half minute',
    ofEach(({ gpus }, host) => gpus.map(({ device, name, free_bytes }) => [{ host, device, name }, free_bytes])),
  );
  const disks = (bytesOf: (disk: { bytes: number; free_bytes: number }) => number) =>
    ofEach(({ disks: found = [] }, host) =>
      found.map((disk) => [{ host, path: disk.path, holds: disk.holds.join(',') }, bytesOf(disk)]),
    );
  addGauge(
    registry,
    'disk_bytes',
    'Size of a disk, by what lies on it',
    disks(({ bytes }) => bytes),
  );
  addGauge(
    registry,
    'disk_free_bytes',
    'What may still be written on it',
    disks(({ free_bytes }) => free_bytes),
  );
  addGauge(
    registry,
    'disk_used_bytes',
    'What may not: it is in use, or reserved',
    disks(({ bytes, free_bytes }) => bytes - free_bytes),
  );
}

function samplesOfHosts(hosts: HostFigures[], samplesOf: (memory: Machine, host: string) => Samples): Samples {
  return hosts.flatMap(({ name, memory }) => (memory === null ? [] : samplesOf(memory, name)));
}
