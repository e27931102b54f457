/** What a user gave has to be changed: the same again fails the same way. The message is a sentence that says what and how. */
export class UserError extends Error {
  /** What of a request is wrong, and a name for programs: where somebody asks for them. */
  readonly field: string | null;
  readonly code: string | null;

  constructor(
    message: string,
    { field = null, code = null, ...options }: { field?: string | null; code?: string | null } & ErrorOptions = {},
  ) {
    super(message, options);
    this.field = field;
    this.code = code;
  }
}

/** What was asked about is not there. */
export class NotFoundError extends UserError {}

/** `what`: a word for it, such as Dataset. */
export function notFound(what: string, id: number): NotFoundError {
  return new NotFoundError(`${what} ${id} not found.`);
}

/** What was asked for contradicts something that is there, and may be done once that has changed. */
export class ConflictError extends UserError {}

/** Whoever asks has used up what it may have; the message says of what, how much, and what to do. */
export class LimitReachedError extends UserError {
  constructor(message: string) {
    // As OpenAI calls it.
    super(message, { code: 'insufficient_quota' });
  }
}

/** Something around the service is away or not as it must be. The same again may succeed later, maybe after a person mended it. */
export class TransientError extends Error {}

/** The service cannot do it yet. The message says when to ask again. */
export class NotYetError extends TransientError {}
