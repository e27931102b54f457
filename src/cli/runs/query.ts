import { bodyOf } from '../api/client.ts';
import { CommandFailure } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { RunName } from './run-name.ts';

interface QueryOptions {
  answer?: true;
  top: string;
  hybrid?: true;
}

/** `mtm query ID QUESTION`: the passages that fit best, of what a run of the type rag made, and with `answer` an answer from them. */
export async function query(
  session: Session,
  { kind, id, run }: RunName,
  words: string[],
  options: QueryOptions,
): Promise<void> {
  const asked = {
    params: { path: { id }, query: run === undefined ? {} : { run } },
    body: {
      question: words.join(' '),
      top_k: Number(options.top),
      search: options.hybrid ? ('hybrid' as const) : ('vector' as const),
      answer: options.answer === true,
      stream: false,
      max_answer_tokens: 256,
    },
  };
  const found =
    kind === 'job'
      ? await bodyOf(session.client.POST('/api/v1/jobs/{id}/query', asked))
      : await bodyOf(session.client.POST('/api/v1/projects/{id}/query', asked));
  // As a stream, or still at work, it answers otherwise: neither was asked for, and the client waits.
  if (!('results' in found))
    throw new CommandFailure('The service answered in another form. Is it of another version?');
  session.print(found, () => {
    const passages = found.results.map(({ score, text, dataset_id, row_number }) => {
      const place = dataset_id === null ? '' : ` (dataset ${dataset_id}, row ${row_number})`;
      return `${score.toFixed(3)}${place}  ${text}`;
    });
    const answer = found.answer === null ? [] : [`Answer: ${found.answer.text ?? 'the documents do not hold it'}`, ''];
    return [...answer, ...passages].join('\n');
  });
}
