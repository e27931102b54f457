import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { loadEnv } from '../../src/platform/env.ts';
import { ifThere } from '../../src/platform/files.ts';

/** Where Prometheus' programs are. */
export interface PrometheusTools {
  promtool: string;
  prometheus: string;
}

const DOWNLOAD_TIMEOUT_MS = 60_000;

/**
 * Those of the PATH, or of Debian's package, which is unpacked into the tools of the tests once.
 * @returns why there are none, where this machine has no such package
 */
export async function findPrometheus(): Promise<PrometheusTools | { missing: string }> {
  const installed = await execa('promtool', ['--version'], { reject: false });
  if (installed.exitCode === 0) return { promtool: 'promtool', prometheus: 'prometheus' };
  const folder = join(loadEnv().toolsDir, 'prometheus');
  const tools = { promtool: join(folder, 'usr/bin/promtool'), prometheus: join(folder, 'usr/bin/prometheus') };
  if ((await ifThere(stat(tools.promtool))) !== null) return tools;
  const making = `${folder}.${process.pid}`;
  await mkdir(making, { recursive: true });
  try {
    const script = 'apt-get download -q prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb';
    const made = await execa('sh', ['-ec', script], {
      cwd: making,
      reject: false,
      timeout: DOWNLOAD_TIMEOUT_MS,
      all: true,
    });
    if (made.exitCode !== 0) return { missing: `Neither PATH nor Debian's packages have promtool: ${made.all}` };
    await rename(making, folder).catch((error: NodeJS.ErrnoException) => {
      // Another test file was sooner.
      if (error.code !== 'ENOTEMPTY') throw error;
    });
    return tools;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** A Prometheus of this configuration, which listens on `port` of loopback and keeps its data in `folder`. */
export function startPrometheus({ prometheus }: PrometheusTools, config: string, folder: string, port: number) {
  const child: ChildProcess = spawn(
    prometheus,
    [`--config.file=${config}`, `--storage.tsdb.path=${folder}`, `--web.listen-address=127.0.0.1:${port}`],
    { stdio: 'ignore' },
  );
  const query = async (promql: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(promql)}`);
    return (await response.json()) as {
      status: string;
      error?: string;
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
  };
  return { query, child, stop: () => child.kill('SIGTERM') };
}
