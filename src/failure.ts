/** What a user gave has to be changed: the same again fails the same way. The message is a sentence that says what and how. */
export class UserError extends Error {}

/** Something around the service is away or not as it must be. The same again may succeed later, maybe after a person mended it. */
export class TransientError extends Error {}
