import type { Transaction } from 'sequelize';
import { OpenAiFile } from '../../models/openai/openai-file.ts';
import type { Method, OpenAiJobError } from '../../models/openai/openai-job.ts';
import { UserError } from '../../platform/failure.ts';
import { isThere } from './files.ts';

/** To train on, by OpenAI's rules; to be held out one is enough. */
const LEAST_EXAMPLES = { training_file: 10, validation_file: 1 };

/** The files of a fine-tuning job, by what they are called in a request; and in the codes of what is wrong with them. */
const CODES = { training_file: 'invalid_training_file', validation_file: 'invalid_validation_file' } as const;
type FileParam = keyof typeof CODES;

/** @throws UserError with the field and OpenAI's code for what is wrong */
export async function requireFile(param: FileParam, id: string, transaction: Transaction): Promise<OpenAiFile> {
  const file = await OpenAiFile.findOne({ where: { id, ...isThere() }, transaction });
  if (!file)
    throw new UserError(`${param} is ${JSON.stringify(id)}, which is not there. Upload the file first.`, {
      field: param,
      code: 'file_not_found',
    });
  if (file.purpose !== 'fine-tune')
    throw new UserError(`${param} ${id} was uploaded for the purpose ${file.purpose}. Upload it for fine-tune.`, {
      field: param,
      code: 'invalid_file_purpose',
    });
  return file;
}

/** Why a job cannot use its files, which it says as what failed it; null: it can. */
export function faultOf(method: Method, training: OpenAiFile, validation: OpenAiFile | null): OpenAiJobError | null {
  const fault =
    faultOfFile(method, 'training_file', training) ??
    (validation && faultOfFile(method, 'validation_file', validation));
  if (fault || training.sha256 !== validation?.sha256) return fault;
  return {
    code: CODES.validation_file,
    message:
      'The validation file has the same content as the training file, so that no example of it is left that is not trained on. Give other examples, or leave validation_file out: some of the training file are held out then.',
    param: 'validation_file',
  };
}

/** What a file has that is made for the other one. */
const OF_THE_OTHER_METHOD: Record<Method, string> = {
  supervised:
    'The file has preferences, and the method is supervised. Give it chats, or prompts with completions; or send the method dpo.',
  dpo: 'The file has one answer to each question, and the method is dpo, which learns from two of which one is preferred. Give it examples with input, preferred_output and non_preferred_output; or send the method supervised.',
};

function faultOfFile(method: Method, param: FileParam, { checked, dataset_id }: OpenAiFile): OpenAiJobError | null {
  const invalid = CODES[param];
  if (checked?.fault) {
    const { code, message } = checked.fault;
    return { code: code === CODES.training_file ? invalid : code, message, param };
  }
  if (checked && (checked.format === 'preference') !== (method === 'dpo'))
    return { code: invalid, message: OF_THE_OTHER_METHOD[method], param };
  const least = LEAST_EXAMPLES[param];
  if (checked && checked.examples < least)
    return {
      code: 'invalid_n_examples',
      message: `The ${param.replace('_', ' ')} has ${checked.examples} examples, and needs at least ${least}. Add more.`,
      param,
    };
  if (dataset_id === null)
    return { code: invalid, message: 'The file cannot be read as training data. Upload it again.', param };
  return null;
}
