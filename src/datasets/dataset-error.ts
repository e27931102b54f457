import { UserError } from '../platform/failure.ts';

/** A file, mapping or mixture that the user has to change; the message is a sentence that says what and how. */
export class DatasetError extends UserError {}
