import type { Context } from 'koa';
import { withNewFiles } from '../../../commands/datasets/storage.ts';
import { storeFile } from '../../../commands/openai/store-file.ts';
import type { OpenAiFile } from '../../../models/openai/openai-file.ts';
import { connection } from '../../../models/runs/run.ts';
import { fileLimits, receiveUpload } from '../../datasets/receive.ts';
import type { UploadDependencies } from '../../datasets/upload.ts';
import { check } from '../../http/request.ts';
import { FileForm } from './schema.ts';

/** Takes a multipart upload to a file. As with datasets, nothing of an upload stays that did not come to its end. */
export async function uploadFile(ctx: Context, { env, uploads, room }: UploadDependencies): Promise<OpenAiFile> {
  return await uploads.watch(ctx, (watched) =>
    withNewFiles(env, watched.upload.id, async (files) => {
      const { originalName, form, ...received } = await receiveUpload(
        ctx,
        fileLimits(env),
        files.incoming,
        { ...watched, room },
        (fields) => check(FileForm, fields, 'form'),
      );
      const whole = { ...received, ...form, filename: originalName };
      const answer = await storeFile(whole, files, watched.beginConverting(originalName), (write) => {
        watched.beginSaving();
        return connection().transaction(write);
      });
      return { answer, isNamed: true };
    }),
  );
}
