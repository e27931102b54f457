import { readFile, stat } from 'node:fs/promises';
import { ifUsable } from '../platform/files.ts';

/** Why the files of a directory are no model that can be used. */
export interface Problem {
  /** What is wrong, in words that follow a colon. */
  what: string;
  /** A sentence, where getting the same files again would not help. */
  remedy?: string;
}

/** Undefined where the file is not there, may not be read, or is no JSON. */
export async function readJson(path: string): Promise<unknown> {
  const text = await ifUsable(readFile(path, 'utf8'));
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** Links are followed: one whose blob is not there, or still empty, is a download that was broken off. */
export async function hasContent(path: string): Promise<boolean> {
  const found = await ifUsable(stat(path));
  return found?.isFile() === true && found.size > 0;
}
