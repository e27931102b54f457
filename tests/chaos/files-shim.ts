import { chmod, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** The layout of the control file, as files-shim.c has it. */
const FOLDERS = { at: 8, size: 256, count: 8 };
const TRAPS = { at: FOLDERS.at + FOLDERS.size * FOLDERS.count, size: 40 + 4 + 256 + 280, count: 16 };
const GATE_AT = 4;
const FIELDS = [
  'set',
  'owner',
  'action',
  'error',
  'kinds',
  'skip',
  'times',
  'seen',
  'struck',
  'pid',
  'its_owner',
] as const;
const UNDER_AT = 4 * FIELDS.length;
const SITE_AT = UNDER_AT + 256;
const LONGEST_SITE = TRAPS.size - SITE_AT - 1;

const LOOKED_WITHIN_MS = 50;
const STOP = 1;
const FAIL = 2;
/** Which calls a trap is for: those that change something, those that open a file to read it, or both. */
export const CHANGES = 1;
export const READS = 2;
/** What file calls fail with on a disk with errors, in a process with too many open files, on a network disk. */
export const ERRORS = { EIO: 5, EMFILE: 24, ESTALE: 116 } as const;

export interface TrapOptions {
  /** The process of the service whose calls it is for, with those of what it started. */
  owner: number;
  /** Stops the process, with its owner; or fails the call so. */
  action: 'stop' | keyof typeof ERRORS;
  kinds: number;
  /** So many calls that fit go by before. */
  skip: number;
  /** So many calls are hit. */
  times: number;
  /** As the log names the call, such as `worker rename runs/#/train-e#.json.H.new -> runs/#/train-e#.json`. None: any call. */
  site?: string;
  /** The file or folder that it is about, or that is above it. None: any. */
  under?: string;
}

export interface Struck {
  struck: number;
  pid: number;
  owner: number;
}

export interface Trap {
  /** How many calls it has hit, and the process that was hit last, with its owner. */
  look(): Promise<Struck>;
  /** Gives what it was at last. */
  remove(): Promise<Struck>;
}

/** What one file call did: see `note` in files-shim.c. */
export interface FileCall {
  /** The process of the service that did it, or that started what did. */
  owner: number;
  what: string;
  site: string;
  path: string;
  /** Of a rename: where to; of a link: of what; of a sync: how many bytes the file has, and nothing for a folder. */
  other: string;
  /** Where what a rename wrote over is kept. */
  grave: string;
}

/** Watches, stops and fails the file calls of every process that has its variables: files-shim.c between it and libc. */
export class FilesShim {
  readonly #dir: string;
  readonly #free = Array.from({ length: TRAPS.count }, (_, n) => n);

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Compiles it. Null where there is no C compiler, or no Linux, which `why` is told. */
  static async build(folders: string[], why: (sentence: string) => void): Promise<FilesShim | null> {
    const dir = await mkdtemp(join(tmpdir(), 'mtm-chaos-files-'));
    const source = fileURLToPath(new URL('files-shim.c', import.meta.url));
    const args = ['-shared', '-fPIC', '-O2', '-o', join(dir, 'shim.so'), source, '-ldl', '-lpthread'];
    const compiled = await execa('cc', args, { reject: false });
    if (process.platform !== 'linux' || compiled.failed) {
      await rm(dir, { recursive: true });
      why(
        `stops and errors at file calls, and losses of power, need Linux and a C compiler (${compiled.shortMessage})`,
      );
      return null;
    }
    const control = Buffer.alloc(TRAPS.at + TRAPS.size * TRAPS.count);
    control.writeInt32LE(1);
    for (const [n, folder] of folders.entries()) control.write(folder, FOLDERS.at + n * FOLDERS.size);
    await writeFile(join(dir, 'control'), control);
    await writeFile(join(dir, 'log'), '');
    // Whoever runs as somebody else, as PostgreSQL does where we are root, may load it and not use it.
    await chmod(dir, 0o711);
    for (const name of ['control', 'log']) await chmod(join(dir, name), 0o600);
    return new FilesShim(dir);
  }

  /** What a process must have in its environment. io_uring would go past libc. */
  get variables(): Record<string, string> {
    return { LD_PRELOAD: join(this.#dir, 'shim.so'), MTM_CHAOS_FILES: this.#dir, UV_USE_IO_URING: '0' };
  }

  async trap({ owner, action, kinds, skip, times, site = '', under = '' }: TrapOptions): Promise<Trap> {
    const n = this.#free.pop();
    if (n === undefined) throw new Error('Every trap is set.');
    if (site.length > LONGEST_SITE) throw new Error(`The trap is for too long a name: ${site}`);
    const at = TRAPS.at + n * TRAPS.size;
    const isStop = action === 'stop';
    const fields = [0, owner, isStop ? STOP : FAIL, isStop ? 0 : ERRORS[action], kinds, skip, times, 0, 0, 0, 0];
    const bytes = Buffer.alloc(TRAPS.size);
    for (const [place, value] of fields.entries()) bytes.writeInt32LE(value, 4 * place);
    bytes.write(under, UNDER_AT);
    bytes.write(site, SITE_AT);
    await this.#write(bytes, at);
    await this.#write(int(1), at);
    const look = async () => {
      const now = (await readFile(join(this.#dir, 'control'))).subarray(at);
      const of = (name: (typeof FIELDS)[number]) => now.readInt32LE(4 * FIELDS.indexOf(name));
      return { struck: of('struck'), pid: of('pid'), owner: of('its_owner') };
    };
    return {
      look,
      remove: async () => {
        await this.#write(int(0), at);
        // A call that was looking at it is over by then.
        await after(LOOKED_WITHIN_MS);
        const last = await look();
        this.#free.push(n);
        return last;
      },
    };
  }

  /** While it is shut, processes of the service that are started wait before they do anything. */
  async shutGate(isShut: boolean): Promise<void> {
    await this.#write(int(isShut ? 1 : 0), GATE_AT);
  }

  /** Every call so far that changed something. */
  async log(): Promise<FileCall[]> {
    const text = await readFile(join(this.#dir, 'log'), 'utf8');
    return text.split('\n').flatMap((line) => {
      const [, owner, what, site = '', path, other = '', grave = ''] = line.split('\t');
      return what && path ? [{ owner: Number(owner), what, site, path, other, grave }] : [];
    });
  }

  /** From here on, all that was logged before is on the disk for good. */
  async forget(): Promise<void> {
    await writeFile(join(this.#dir, 'log'), '');
  }

  async remove(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #write(bytes: Buffer, at: number): Promise<void> {
    const file = await open(join(this.#dir, 'control'), 'r+');
    try {
      await file.write(bytes, 0, bytes.length, at);
    } finally {
      await file.close();
    }
  }
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
