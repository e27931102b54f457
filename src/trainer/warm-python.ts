import {
  type PythonCommand,
  type PythonProcess,
  pythonSpawnOptions,
  type StartPython,
  startPython,
} from './python-process.ts';
import { type Libraries, WarmProcess } from './warm-process.ts';

export interface WarmPythonOptions {
  libraries: Libraries;
  /** False: every command loads its own libraries (MTM_WARM_TRAINERS). */
  isOn: boolean;
  /** Ends the process when it has had nothing to do for so long; null: it is kept ready, and replaced at once when it dies. */
  idleMs: number | null;
  /** Gets a sentence when commands have to load their libraries by themselves, and why. */
  log: (sentence: string) => void;
}

/** How long it is kept by who may be asked again soon: people who look at one thing after another. */
export const KEPT_IDLE_MS = 300_000;

/** What did not become ready is not tried again before. */
const AGAIN_AFTER_MS = 600_000;

/**
 * Starts commands of the trainer as copies of a process that has their libraries loaded: that takes seconds, and a copy has them
 * at once. Where there is no such process, or it cannot do it, a command loads its libraries by itself.
 */
export class WarmPython {
  readonly #options: WarmPythonOptions;
  readonly #whyNot: string | null;
  #warm: WarmProcess | undefined;
  /** What `#warm` was started with. */
  #startedWith = '';
  #notBefore = 0;
  #isClosed = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: WarmPythonOptions) {
    this.#options = options;
    this.#whyNot = !options.isOn
      ? 'MTM_WARM_TRAINERS is false'
      : process.platform !== 'linux'
        ? `a process cannot be copied safely on ${process.platform}`
        : null;
    if (this.#whyNot !== null) this.#tellNone(this.#whyNot);
  }

  /** The process, where there is one. */
  get pid(): number | undefined {
    return this.#warm?.isOver === false ? this.#warm.pid : undefined;
  }

  /** Starts the process before it is needed. */
  warmUp(python: string): void {
    this.#processOf(python);
  }

  readonly start: StartPython = async (command: PythonCommand): Promise<PythonProcess> => {
    const warm = this.#processOf(command.python);
    if (!warm) return await startPython(command);
    clearTimeout(this.#idle);
    const started = await warm.start(command);
    if (!('refused' in started)) return started;
    if (this.#warm === warm && warm.wasReady && !warm.isOver) this.#replace(command.python, started.refused);
    if (this.#warm) this.#waitIdle(this.#warm);
    return await startPython(command);
  };

  /** Ends the process, and with it what still runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    await this.#warm?.close();
  }

  /** The process that is there for this Python and this environment, or is now. */
  #processOf(python: string): WarmProcess | null {
    if (this.#whyNot !== null || this.#isClosed) return null;
    const startedWith = JSON.stringify([python, pythonSpawnOptions().env]);
    if (this.#startedWith !== startedWith) {
      this.#warm?.retire();
      this.#warm = undefined;
      this.#notBefore = 0;
    }
    if (this.#warm && !this.#warm.isOver) return this.#warm;
    if (performance.now() < this.#notBefore) return null;
    this.#startedWith = startedWith;
    return this.#begin(python);
  }

  #replace(python: string, why: string): void {
    this.#options.log(`The process that has libraries for ${this.#options.libraries} loaded is replaced: ${why}.`);
    this.#warm?.retire();
    this.#begin(python);
  }

  #begin(python: string): WarmProcess {
    const warm = new WarmProcess(python, this.#options.libraries, () => this.#waitIdle(warm));
    this.#warm = warm;
    void warm.gone.then((how) => {
      if (this.#isClosed || this.#warm !== warm) return;
      const { libraries, idleMs, log } = this.#options;
      if (!warm.wasReady) {
        this.#notBefore = performance.now() + AGAIN_AFTER_MS;
        this.#tellNone(`the process that was to have them ended (${how})`);
        return;
      }
      log(`The process that has libraries for ${libraries} loaded ended (${how}).`);
      if (idleMs === null) this.#begin(python);
    });
    return warm;
  }

  #waitIdle(warm: WarmProcess): void {
    const { idleMs } = this.#options;
    if (idleMs === null || this.#warm !== warm) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (!warm.isIdle || this.#warm !== warm) return;
      this.#warm = undefined;
      warm.retire();
    }, idleMs).unref();
  }

  #tellNone(why: string): void {
    this.#options.log(`Libraries for ${this.#options.libraries} are loaded by each process that needs them: ${why}.`);
  }
}
