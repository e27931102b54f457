import type { RunEvent } from '../../api/run-stream.ts';
import type { RunPhase } from '../../api/types.ts';
import { about, bytes, count, duration, loss } from '../../parts/numbers.ts';
import { capital, phaseOf } from '../../parts/runs/status.tsx';

type Data = RunEvent['data'];

const number = (value: unknown) => (typeof value === 'number' ? value : null);
const text = (value: unknown) => (typeof value === 'string' ? value : null);
const seconds = (value: unknown) => {
  const known = number(value);
  return known !== null && known < 10 ? `${known.toFixed(2)} s` : duration(known);
};

/** What an event says, for the kinds that come with every run. */
const SENTENCES: Record<string, (data: Data) => string> = {
  status: ({ status, phase, worker_id, reason }) =>
    [
      capital(String(status)),
      text(phase) === null ? '' : `: ${phaseOf(phase as RunPhase)}`,
      text(worker_id) === null ? '' : `, ${worker_id}`,
      text(reason) === null ? '' : ` (${String(reason).replaceAll('_', ' ')})`,
    ].join(''),
  phase: ({ phase, message }) =>
    `${capital(phaseOf(phase as RunPhase))}${text(message) === null ? '' : `. ${message}`}`,
  hello: ({ task, pid, versions }) => `The trainer began to ${task}, process ${pid}, with ${listOf(versions)}`,
  plan: ({ total_steps, examples, tokens, device }) =>
    `${count(number(total_steps))} steps, ${count(number(examples))} examples and ${about(number(tokens))} tokens for each epoch, on ${device}`,
  resumed: ({ step, path }) => `Goes on from step ${count(number(step))}: ${path}`,
  checkpoint: ({ step, bytes: size, seconds: took }) =>
    `Step ${count(number(step))} saved: ${bytes(number(size))} in ${seconds(took)}`,
  eval: ({ step, trait, loss: value }) =>
    `Held-out loss ${loss(number(value))}${text(trait) === null ? '' : ` of ${trait}`} at step ${count(number(step))}`,
  asked: ({ to, by: _, ...details }) =>
    [capital(String(to).replaceAll('_', ' ')), ...Object.values(details)].join(', '),
  gate: ({ message }) => String(message),
  promotion: ({ message }) => String(message),
  thinned: ({ message }) => String(message),
  spans: ({ seconds: took }) => `${seconds(took)} from the start of the trainer to its first step or comparison`,
};

function listOf(versions: unknown): string {
  return typeof versions === 'object' && versions !== null
    ? Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')
    : '';
}

/** An event in words; of a kind that has none of its own, everything that it says. */
export function eventText({ kind, data }: RunEvent): string {
  const sentence = SENTENCES[kind];
  const by = text(data.by);
  if (sentence) return `${sentence(data)}${by === null ? '' : `. Asked by ${by}`}`;
  const { message, lease_epoch: _, ...rest } = data;
  const others = Object.entries(rest)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');
  return [text(message), others].filter(Boolean).join('\n');
}
