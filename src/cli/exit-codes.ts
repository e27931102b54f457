/** How a command ends, for scripts; the same table stands in docs/cli.md. */
export const EXIT = {
  done: 0,
  /** The service refused the request, or the run failed. */
  failed: 1,
  usage: 2,
  /** Nothing answers at the address, or its database or Temporal is away. */
  unreachable: 3,
  /** The run was cancelled. */
  cancelled: 4,
  /** The run completed, and its model is worse than its base on held-out rows. */
  worse: 5,
  /** Ctrl-C: what was watched goes on. */
  left: 130,
} as const;

/** A sentence for the person at the terminal, and the code that the command ends with. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** A request that the service answered with another status than success. */
export class Refusal extends CommandFailure {
  readonly status: number;

  constructor(status: number, message: string, exitCode: number = EXIT.failed) {
    super(message, exitCode);
    this.status = status;
  }

  /** Whether the request itself is wrong, so that sending it later is of no use. */
  get isOfRequest(): boolean {
    return this.status >= 400 && this.status < 500 && !TRY_LATER.includes(this.status);
  }
}

/** A timeout, and too many requests. */
const TRY_LATER = [408, 429];
