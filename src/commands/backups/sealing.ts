import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { makeDurable } from '../../platform/durable-files.ts';
import { UserError } from '../../platform/failure.ts';
import { ifThere } from '../../platform/files.ts';

/** The key of a backup, for whoever has the identity of one of its recipients, and for whoever knows its passphrase. */
const KEY_FILES = { recipients: 'key.age', passphrase: 'key-passphrase.age' } as const;

/** For whom a backup is encrypted. */
export interface Readers {
  /** age1… */
  recipients: string[];
  passphrase: string | null;
}

/** What opens one. */
export interface Keys {
  /** AGE-SECRET-KEY-… */
  identities: string[];
  passphrase: string | null;
}

/**
 * Encrypts what is in a backup, each file by itself, in the format of age (age-encryption.org/v1). A backup has a key of its own, and that is
 * encrypted for its readers: so a passphrase, which is meant to be slow to try, is tried once and not for each file.
 */
export class Seal {
  readonly #encrypter = new Encrypter();
  readonly #decrypter = new Decrypter();

  private constructor(identity: string, recipient: string) {
    this.#encrypter.addRecipient(recipient);
    this.#decrypter.addIdentity(identity);
  }

  /** A new one, whose key lies in the folder for its readers. @throws UserError for a recipient that is none */
  static async create(folder: string, { recipients, passphrase }: Readers): Promise<Seal> {
    const identity = await generateX25519Identity();
    if (recipients.length > 0) {
      const encrypter = new Encrypter();
      for (const recipient of recipients) addRecipient(encrypter, recipient);
      await writeKey(join(folder, KEY_FILES.recipients), await encrypter.encrypt(identity));
    }
    if (passphrase !== null) {
      const encrypter = new Encrypter();
      encrypter.setPassphrase(passphrase);
      await writeKey(join(folder, KEY_FILES.passphrase), await encrypter.encrypt(identity));
    }
    return new Seal(identity, await identityToRecipient(identity));
  }

  /** That of a backup; null where it is not encrypted. @throws UserError where the keys do not open it, or mean nothing */
  static async open(folder: string, { identities, passphrase }: Keys): Promise<Seal | null> {
    const [forRecipients, forPassphrase] = await Promise.all(
      [KEY_FILES.recipients, KEY_FILES.passphrase].map((name) => ifThere(readFile(join(folder, name)))),
    );
    const hasKeys = identities.length > 0 || passphrase !== null;
    if (!forRecipients && !forPassphrase) {
      if (!hasKeys) return null;
      throw new UserError(`The backup ${folder} is not encrypted: leave --identity and --passphrase-file out.`);
    }
    const how = [...(forRecipients ? ['--identity FILE'] : []), ...(forPassphrase ? ['--passphrase-file FILE'] : [])];
    if (!hasKeys) throw new UserError(`The backup ${folder} is encrypted: give ${how.join(' or ')}.`);
    const identity =
      (forRecipients && identities.length > 0 && (await openKey(forRecipients, { identities, passphrase: null }))) ||
      (forPassphrase && passphrase !== null && (await openKey(forPassphrase, { identities: [], passphrase }))) ||
      null;
    if (identity === null)
      throw new UserError(
        `What was given does not open the backup ${folder}: it is encrypted for another key. Give ${how.join(' or ')} that belongs to it.`,
      );
    return new Seal(identity, await identityToRecipient(identity));
  }

  /** What goes into a file of the backup for this content. */
  async seal(content: AsyncIterable<Uint8Array>): Promise<Readable> {
    return Readable.fromWeb((await this.#encrypter.encrypt(webOf(content))) as never);
  }

  /** The content of a file of the backup. @throws what reading fails with, or Error where it is not what was encrypted */
  async unseal(path: string): Promise<Readable> {
    return Readable.fromWeb((await this.#decrypter.decrypt(webOf(createReadStream(path)))) as never);
  }
}

/** @throws UserError for one that is none */
function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (error) {
    throw new UserError(
      `--encrypt-to is ${JSON.stringify(recipient)}, which is no recipient of age: it begins with age1, as \`age-keygen\` prints it.`,
      { cause: error },
    );
  }
}

async function writeKey(path: string, content: Uint8Array): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  await makeDurable(path);
}

/** Null where none of the keys is for it. */
async function openKey(content: Uint8Array, { identities, passphrase }: Keys): Promise<string | null> {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  if (passphrase !== null) decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(content, 'text');
  } catch {
    // The library has no class for it: whatever it was, these keys do not open this.
    return null;
  }
}

/** @throws UserError for a text that has no identity, or one that is none */
export function identitiesIn(text: string, path: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  for (const line of lines) {
    try {
      new Decrypter().addIdentity(line.trim());
    } catch (error) {
      throw new UserError(`${path} has a line that is no identity of age: it begins with AGE-SECRET-KEY-.`, {
        cause: error,
      });
    }
  }
  if (lines.length === 0) throw new UserError(`${path} has no identity: a line that begins with AGE-SECRET-KEY-.`);
  return lines.map((line) => line.trim());
}

function webOf(content: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  // Node's own type of the same class.
  return Readable.toWeb(Readable.from(content, { objectMode: true })) as unknown as ReadableStream<Uint8Array>;
}
