import { bodyOf } from '../api/client.ts';
import type { Session } from '../session.ts';
import { inUnits } from '../terminal/numbers.ts';
import { facts } from '../terminal/table.ts';

/** `mtm model show NAME`: what is known of a base model, and why it cannot be used where it cannot. */
export async function showModel({ client, print }: Session, name: string): Promise<void> {
  const model = await bodyOf(client.GET('/api/v1/models/{name}', { params: { path: { name } } }));
  print(model, () => {
    const { template, errors } = model;
    const shows = Object.entries(template ?? {}).filter(([, is]) => is === true);
    return [
      facts([
        ['Name', model.name],
        ['Usable', model.available ? 'yes' : 'no'],
        ['Stands for', model.resolved_name === model.name ? null : model.resolved_name],
        ['Revision', model.revision],
        ['Path', model.path],
        ['Size', inUnits(model.size_bytes, 'MB', 'GB')],
        ['Parameters', inUnits(model.parameters)],
        ['Type', model.model_type],
        ['Context', model.context_length],
        ['License', model.license],
        ['Chat template', [model.chat_template, ...shows.map(([what]) => what.replaceAll('_', ' '))].join(', ')],
      ]),
      ...errors,
    ].join('\n');
  });
}
