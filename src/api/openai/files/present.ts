import type { z } from 'zod';
import type { OpenAiFile } from '../../../models/openai/openai-file.ts';
import { seconds } from '../lists.ts';
import type { FileSchema } from './schema.ts';

export function presentFile(file: OpenAiFile): z.input<typeof FileSchema> {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: seconds(file.created_at),
    ...(file.expires_at ? { expires_at: seconds(file.expires_at) } : {}),
    filename: file.filename,
    purpose: file.purpose,
    // Tools wait for this word, some of them for ever; what is wrong with a file is what its job says.
    status: 'processed',
    status_details: file.checked?.fault?.message ?? null,
  };
}
