import { setTimeout as after } from 'node:timers/promises';
import type { FoundModel } from '../../base-models/found-model.ts';
import type { TemplateFacts } from '../../base-models/template-facts.ts';
import { inDataProcess } from '../../datasets/in-data-process.ts';
import type { Env } from '../../env.ts';
import { findTrainerPython } from '../../local/python.ts';

/** Longer than a template takes on a machine that has something else to do; everybody is answered within ten seconds. */
const WAIT_MS = 7_000;
const MOST_KNOWN = 200;

/** What the chat templates of base models can show: each is tried once, since a revision's files stay what they are. */
export class KnownTemplates {
  readonly #env: Env;
  readonly #known = new Map<string, Promise<TemplateFacts>>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** Null where it cannot be told, or not in time: the template goes on being tried for who asks again. */
  async factsOf({ path, revision }: FoundModel): Promise<TemplateFacts | null> {
    const python = path && (await findTrainerPython(this.#env).catch(() => null));
    if (!path || !python) return null;
    const key = `${path}@${revision}`;
    const facts = this.#known.get(key) ?? this.#try(key, { python, modelPath: path });
    const waiting = new AbortController();
    const tooLong = after(WAIT_MS, null, { signal: waiting.signal });
    try {
      return await Promise.race([facts, tooLong]);
    } finally {
      waiting.abort();
      tooLong.catch(() => {});
    }
  }

  #try(key: string, request: { python: string; modelPath: string }): Promise<TemplateFacts> {
    const facts = inDataProcess('templateFacts', request);
    // One that could not be tried is tried again by who asks next.
    facts.catch(() => this.#known.delete(key));
    this.#known.set(key, facts);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    return facts;
  }
}
