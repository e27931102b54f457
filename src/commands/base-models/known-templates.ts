import type { FoundModel } from '../../base-models/found-model.ts';
import type { TemplateFacts } from '../../base-models/template-facts.ts';
import { inDataProcess } from '../../datasets/in-data-process.ts';
import type { Env } from '../../platform/env.ts';
import { LongAnswers, StillAtWork } from '../../platform/long-answers.ts';
import { findTrainerPython } from '../../platform/python.ts';

/** Longer than a template takes on a machine that has something else to do; everybody is answered within ten seconds. */
const WAIT_MS = 7_000;
const MOST_KNOWN = 200;

/** What the chat templates of base models can show: each is tried once, since a revision's files stay what they are. */
export class KnownTemplates {
  readonly #env: Env;
  readonly #tried = new LongAnswers();
  readonly #known = new Map<string, TemplateFacts>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** Null where it cannot be told, or not in time: the template goes on being tried for who asks again. */
  async factsOf({ path, revision }: FoundModel): Promise<TemplateFacts | null> {
    const python = path && (await findTrainerPython(this.#env).catch(() => null));
    if (!path || !python) return null;
    const key = `${path}@${revision}`;
    const known = this.#known.get(key);
    if (known) return known;
    try {
      const facts = await this.#tried.answer(key, WAIT_MS, () =>
        inDataProcess('templateFacts', { python, modelPath: path }),
      );
      this.#keep(key, facts);
      return facts;
    } catch (error) {
      if (error instanceof StillAtWork) return null;
      throw error;
    }
  }

  #keep(key: string, facts: TemplateFacts): void {
    this.#known.set(key, facts);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }
}
