import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PUBLIC_LENGTH = 8;
/** 62 ^ 43 is more than 2 ^ 256. */
const SECRET_LENGTH = 43;
/** 62 ^ 6 is more than 2 ^ 32. */
const CHECKSUM_LENGTH = 6;

const PUBLIC_PART = `mtm_[0-9A-Za-z]{${PUBLIC_LENGTH}}`;
const FORM = new RegExp(`^${PUBLIC_PART}_[0-9A-Za-z]{${SECRET_LENGTH + CHECKSUM_LENGTH}}$`);
const WEBHOOK_SECRETS = /whsec_[0-9A-Za-z+/=]+/g;
const SECRETS = new RegExp(`(${PUBLIC_PART})_[0-9A-Za-z]+`, 'g');

/**
 * A new API key: `mtm_`, 8 characters that identify it, `_`, and 43 random characters with a checksum of 6. The beginning lets people
 * and secret scanners recognise one, and the checksum tells a key that was mistyped or cut off from one that is none.
 */
export function newKey(): { key: string; publicPart: string } {
  const publicPart = `mtm_${random(PUBLIC_LENGTH)}`;
  const body = `${publicPart}_${random(SECRET_LENGTH)}`;
  return { key: body + checksumOf(body), publicPart };
}

/** `whole`: of the form of newKey, and its checksum is right; `broken`: it begins as one; `other`: neither. */
export function formOf(key: string): 'whole' | 'broken' | 'other' {
  if (!key.startsWith('mtm_')) return 'other';
  return FORM.test(key) && checksumOf(key.slice(0, -CHECKSUM_LENGTH)) === key.slice(-CHECKSUM_LENGTH)
    ? 'whole'
    : 'broken';
}

/**
 * What is kept of a key. A hash that is slow on purpose protects what people think of, from being guessed; nobody guesses 256 random
 * bits, and every request would wait for it.
 */
export function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** A text without the secrets of keys, and of webhooks, that are in it: what identifies a key stays. */
export function withoutSecrets(text: string): string {
  const ofKeys = text.includes('mtm_') ? text.replace(SECRETS, '$1_…') : text;
  return ofKeys.includes('whsec_') ? ofKeys.replace(WEBHOOK_SECRETS, 'whsec_…') : ofKeys;
}

function random(length: number): string {
  return Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}

function checksumOf(text: string): string {
  let rest = crc32(text);
  let digits = '';
  while (digits.length < CHECKSUM_LENGTH) {
    digits = `${LETTERS[rest % LETTERS.length]}${digits}`;
    rest = Math.floor(rest / LETTERS.length);
  }
  return digits;
}
