import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import OpenAI, { toFile } from 'openai';
import { zodFunction } from 'openai/helpers/zod';
import { z } from 'zod';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { cpuMs, processesOf } from '../support/processes.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';
import { ensurePythonClient, PYTHON_CLIENTS, runPython } from './clients/python.ts';
import { chats } from './examples.ts';
import { checkedFetch } from './their-schemas.ts';

const KEY = 'a-key-of-the-service';
const asked = {
  model: TINY_MODEL,
  messages: [{ role: 'user' as const, content: 'what is one plus two' }],
};
const greedy = { ...asked, temperature: 0, max_tokens: 12 };

/** Models answer to the official clients, which know the address and the key alone. The model is tiny, and says nothing that means anything. */
const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'weather',
    parameters: {
      type: 'object',
      properties: { city: { $ref: '#/$defs/City' }, days: { type: 'integer', minimum: 1, maximum: 9 } },
      required: ['city', 'days'],
      $defs: { City: { enum: ['Oslo', 'Rome'] } },
    },
  },
};

describe("models that answer OpenAI's clients", function () {
  this.timeout(300_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let client: OpenAI;

  before(async () => {
    ({ service, remove } = await startTestService({ apiKeys: [KEY] }));
    client = new OpenAI({ baseURL: `${service.apiUrl}/v1`, apiKey: KEY, fetch: checkedFetch });
  });

  after(async () => {
    await remove?.();
  });

  const textOf = (answer: OpenAI.ChatCompletion, index = 0) => answer.choices[index]?.message.content;
  const serving = async () =>
    (await processesOf(service.env.home)).filter(({ command }) => command.includes('trainer.serve '));

  it('answer as a whole and piece by piece, by the client for Node', async () => {
    const whole = await client.chat.completions.create(greedy);
    assert.equal(whole.object, 'chat.completion');
    assert.deepEqual([whole.choices[0]?.finish_reason, whole.usage?.completion_tokens], ['length', 12]);
    let streamed = '';
    for await (const chunk of await client.chat.completions.create({ ...greedy, stream: true }))
      streamed += chunk.choices[0]?.delta.content ?? '';
    assert.equal(streamed, textOf(whole));
    const helped = await client.chat.completions.stream(greedy).finalChatCompletion();
    assert.equal(helped.choices[0]?.message.content, streamed);
    assert.equal((await serving()).length, 1);
  });

  for (const major of PYTHON_CLIENTS)
    it(`answer the client ${major} for Python`, async () => {
      const seen = await runPython(await ensurePythonClient(major), ['chat.py', TINY_MODEL], {
        url: service.apiUrl,
        key: KEY,
      });
      const { text, streamed, helped, ...others } = seen;
      assert.deepEqual([streamed, helped], [text, text]);
      assert.deepEqual(others, {
        finish: 'length',
        usage: true,
        streamed_usage: true,
        went_on: true,
        continued: 'text_completion',
        missing: 'model_not_found',
      });
    });

  it('answer the command of the last version that had one', async () => {
    const openai = join(dirname(await ensurePythonClient('2')), 'openai');
    const env = { OPENAI_BASE_URL: `${service.apiUrl}/v1`, OPENAI_API_KEY: KEY };
    const question = ['-m', TINY_MODEL, '-g', 'user', 'what is one plus two', '-M', '12', '-t', '0'];
    const said = await execa(openai, ['api', 'chat.completions.create', ...question], { env });
    const streamed = await execa(openai, ['api', 'chat.completions.create', ...question, '--stream'], { env });
    const expected = textOf(await client.chat.completions.create(greedy));
    assert.deepEqual([said.stdout.trim(), streamed.stdout.trim()], [expected?.trim(), expected?.trim()]);
  });

  it('answer in a terminal', async () => {
    const asks = async (model: string) =>
      await execa(
        process.execPath,
        [
          'bin/mtm',
          'chat',
          model,
          'what is one plus two',
          '--temperature',
          '0',
          '--max-tokens',
          '12',
          '--url',
          service.apiUrl,
        ],
        { cwd: PROJECT_ROOT, env: { MTM_API_KEYS: KEY }, reject: false },
      );
    const expected = textOf(await client.chat.completions.create(greedy));
    assert.equal((await asks(TINY_MODEL)).stdout.trim(), expected?.trim());
    const { exitCode, stderr } = await asks('gpt-9');
    assert.deepEqual([exitCode, /There is no model gpt-9\. `mtm model list` shows/.test(stderr)], [1, true], stderr);
  });

  it('say what was asked for: several answers, texts that end one, seeds, probabilities', async () => {
    const sampled = { ...greedy, temperature: 1, n: 3, seed: 7 };
    const [first, again] = [
      await client.chat.completions.create(sampled),
      await client.chat.completions.create(sampled),
    ];
    assert.deepEqual(
      first.choices.map(({ message }) => message),
      again.choices.map(({ message }) => message),
    );
    assert.equal(new Set(first.choices.map((_, index) => textOf(first, index))).size, 3);
    const whole = textOf(await client.chat.completions.create(greedy)) ?? '';
    const stop = whole.slice(2, 4);
    const stopped = await client.chat.completions.create({ ...greedy, stop });
    assert.deepEqual(
      [textOf(stopped), stopped.choices[0]?.finish_reason],
      [whole.slice(0, whole.indexOf(stop)), 'stop'],
    );
    const told = await client.chat.completions.create({ ...greedy, logprobs: true, top_logprobs: 2 });
    const tokens = told.choices[0]?.logprobs?.content ?? [];
    assert.equal(tokens.length, 12);
    for (const { logprob, top_logprobs } of tokens) {
      assert.equal(top_logprobs.length, 2);
      assert.equal(logprob, top_logprobs[0]?.logprob);
    }
    const prompts = ['one', 'two'];
    const texts = await client.completions.create({ model: TINY_MODEL, prompt: prompts, n: 2, max_tokens: 3 });
    assert.deepEqual(
      texts.choices.map(({ index }) => index),
      [0, 1, 2, 3],
    );
    let pieces = 0;
    for await (const chunk of await client.completions.create({ model: TINY_MODEL, prompt: prompts, stream: true }))
      pieces += chunk.choices.length;
    assert.ok(pieces > 2);
  });

  it('show a prompt again, and how probable each of its tokens was', async () => {
    const asked = { model: TINY_MODEL, temperature: 0, logprobs: 2, echo: true };
    const said = await client.completions.create({ ...asked, prompt: 'one plus two', max_tokens: 4 });
    const { text, logprobs } = said.choices[0] ?? {};
    assert.match(text ?? '', /^one plus two/);
    const scores = logprobs?.token_logprobs ?? [];
    assert.equal(scores.length, (said.usage?.prompt_tokens ?? 0) + (said.usage?.completion_tokens ?? 0));
    assert.deepEqual([scores[0], logprobs?.top_logprobs?.[0]], [null, null]);
    assert.ok(scores.slice(1).every((score) => score < 0));
    // What it said is as probable where it is a part of the prompt.
    const whole = await client.completions.create({ ...asked, prompt: text ?? '', max_tokens: 0 });
    assert.deepEqual([whole.choices[0]?.text, whole.choices[0]?.finish_reason], [text, 'length']);
    const again = whole.choices[0]?.logprobs?.token_logprobs ?? [];
    assert.equal(again.length, scores.length);
    for (const [place, score] of scores.entries())
      if (place > 0) assert.ok(Math.abs(score - (again[place] ?? 0)) < 1e-3, `${score} ${again[place]}`);
    // Tokens are what the text is made of; a stream shows the same.
    let told = '';
    const offsets: number[] = [];
    const stream = await client.completions.create({ ...asked, prompt: [[5, 6, 7], [8]], max_tokens: 4, stream: true });
    for await (const { choices } of stream) {
      if (choices[0]?.index !== 1) continue;
      told += choices[0].text;
      offsets.push(...(choices[0].logprobs?.text_offset ?? []));
    }
    const alone = await client.completions.create({ ...asked, prompt: [8], max_tokens: 4 });
    assert.deepEqual([told, offsets], [alone.choices[0]?.text, alone.choices[0]?.logprobs?.text_offset]);
  });

  it('answer as they were tuned, and as they were at a checkpoint, upon the same base', async () => {
    await own('POST', '/workers/', { action: 'start', worker_count: 1 });
    const file = await client.files.create({
      file: await toFile(Buffer.from(chats(20)), 'rows.jsonl'),
      purpose: 'fine-tune',
    });
    const hyperparameters = { n_epochs: 4, learning_rate_multiplier: 50 };
    const job = await client.fineTuning.jobs.create({ model: TINY_MODEL, training_file: file.id, hyperparameters });
    const done = await until('the job to succeed', async () => {
      const now = await client.fineTuning.jobs.retrieve(job.id);
      return now.status === 'succeeded' ? now : null;
    });
    const ft = String(done.fine_tuned_model);
    const gone = { model: `${ft}:ckpt-step-99999`, training_file: file.id };
    await assert.rejects(client.fineTuning.jobs.create(gone), (error: unknown) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, 'model');
      assert.match(error.message, /has no checkpoint of step 99999, or has it no more\. It has those of step/);
      return true;
    });
    await assert.rejects(client.fineTuning.jobs.cancel(job.id), (error: unknown) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.message, `400 The fine-tuning job ${job.id} is succeeded and cannot be cancelled any more.`);
      return true;
    });
    /** What it says, and how surely: a tiny model says the same before and after. */
    const saidBy = async (model: string) => {
      const { choices } = await client.chat.completions.create({ ...greedy, model, logprobs: true });
      return choices[0]?.logprobs?.content?.map(({ token, logprob }) => `${token} ${logprob}`);
    };
    const base = await saidBy(TINY_MODEL);
    const tuned = await saidBy(ft);
    assert.notDeepEqual(tuned, base);
    const ours = (await own('GET', '/jobs/?sort=-id&page_size=1')).items as { id: number }[];
    for (const name of [`job-${ours[0]?.id}`, `job-${ours[0]?.id}-run-1`]) assert.deepEqual(await saidBy(name), tuned);
    const checkpoints = (await client.fineTuning.jobs.checkpoints.list(job.id)).data;
    const names = checkpoints.map(({ fine_tuned_model_checkpoint: name }) => name);
    assert.equal(names[0], ft);
    assert.ok(names.length > 1);
    const earlier = String(names.at(-1));
    assert.equal((await client.models.retrieve(earlier)).id, earlier);
    const before = await saidBy(earlier);
    assert.notDeepEqual(before, base);
    assert.notDeepEqual(before, tuned);
    // Adapters share the base: there is one process.
    assert.equal((await serving()).length, 1);
    await assert.rejects(
      client.chat.completions.create({ ...greedy, model: `${ft}:ckpt-step-100000` }),
      OpenAI.NotFoundError,
    );
    assert.deepEqual(await client.models.delete(ft), { id: ft, object: 'model', deleted: true });
    for (const gone of [ft, earlier])
      await assert.rejects(client.chat.completions.create({ ...greedy, model: gone }), OpenAI.NotFoundError);
    assert.ok((await client.models.list()).data.every(({ id }) => id !== ft));
    assert.deepEqual(await saidBy(`job-${ours[0]?.id}`), tuned);
    await assert.rejects(client.models.delete(TINY_MODEL), OpenAI.BadRequestError);
  });

  it('refuse what they cannot do, and name it', async () => {
    const image = { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] };
    const cases: [body: Record<string, unknown>, param: string | null, code: string | null, message: RegExp][] = [
      [{ messages: [] }, 'messages', null, /messages/],
      [{ messages: [image] }, 'messages.0.content', null, /messages\.0\.content/],
      [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages.0.role', null, /messages\.0\.role/],
      [
        { messages: [{ role: 'user', content: '7 '.repeat(60_000) }] },
        'messages',
        'context_length_exceeded',
        /at most \d+/,
      ],
      [{ temperature: 3 }, 'temperature', null, /temperature is 3/],
      [{ top_logprobs: 2 }, 'top_logprobs', null, /needs "logprobs": true/],
      [{ max_tokens: 3, max_completion_tokens: 4 }, 'max_tokens', null, /send one of them/],
      [{ tool_choice: 'required' }, 'tool_choice', null, /needs tools; send them/],
      [
        { tools: [WEATHER], tool_choice: { type: 'function', function: { name: 'wether' } } },
        'tool_choice',
        null,
        /names the tool wether/,
      ],
      [
        {
          tools: [{ ...WEATHER, function: { ...WEATHER.function, parameters: { type: 'nonsense' } } }],
          tool_choice: 'required',
        },
        'tools',
        null,
        /schema that answers cannot be held to/,
      ],
      [
        { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'nonsense' } } } },
        'response_format',
        null,
        /schema that answers cannot be held to/,
      ],
      [{ logit_bias: { '1000000': 1 } }, 'logit_bias', null, /logit_bias names the token 1000000/],
      [{ reasoning_effort: 'low' }, 'reasoning_effort', null, /reasoning_effort is "low": cannot be chosen here/],
    ];
    for (const [body, param, code, message] of cases)
      await assert.rejects(
        client.chat.completions.create({ ...greedy, ...body } as unknown as OpenAI.ChatCompletionCreateParams),
        (error: unknown) => {
          assert.ok(error instanceof OpenAI.BadRequestError, String(error));
          assert.deepEqual([error.param, error.code], [param, code], error.message);
          assert.match(error.message, message);
          return true;
        },
      );
    for (const [body, message] of [
      [{ prompt: [1_000_000] }, /prompt has the token 1000000, and the model's tokens are 0 to/],
      [{ prompt: [] }, /a list of tokens/],
      [{ prompt: 'x', best_of: 2 }, /best_of/],
    ] as [{ prompt: string | number[] }, RegExp][])
      await assert.rejects(client.completions.create({ model: TINY_MODEL, ...body }), (error: unknown) => {
        assert.ok(error instanceof OpenAI.BadRequestError, String(error));
        assert.match(error.message, message);
        return true;
      });
  });

  it('say of what is not offered what there is instead', async () => {
    for (const [asking, message] of [
      [() => client.responses.create({ model: TINY_MODEL, input: 'x' }), /chat\.completions\.create/],
      [() => client.fineTuning.alpha.graders.validate({ grader: {} as never }), /Graders/],
      [() => client.embeddings.create({ model: TINY_MODEL, input: 'x' }), /is not offered here/],
    ] as [() => Promise<unknown>, RegExp][])
      await assert.rejects(asking, (error: unknown) => {
        assert.ok(error instanceof OpenAI.NotFoundError, String(error));
        assert.equal(error.code, 'not_offered');
        assert.match(error.message, message);
        return true;
      });
  });

  it('keep to JSON, and to a schema', async () => {
    const schema = {
      type: 'object',
      properties: { city: { enum: ['Oslo', 'Rome'] }, rain: { type: 'boolean' } },
      required: ['city', 'rain'],
      additionalProperties: false,
    };
    const answer = await client.chat.completions.create({
      ...greedy,
      max_tokens: 60,
      response_format: { type: 'json_schema', json_schema: { name: 'weather', schema } },
    });
    const { city, rain, ...others } = JSON.parse(textOf(answer) ?? '') as Record<string, unknown>;
    assert.ok(['Oslo', 'Rome'].includes(String(city)));
    assert.deepEqual([typeof rain, others, answer.choices[0]?.finish_reason], ['boolean', {}, 'stop']);
    const format = { type: 'json_object' } as const;
    const any = await client.chat.completions.create({ ...greedy, response_format: format });
    assert.match(textOf(any) ?? '', /^\s*\{/);
  });

  it('call the tools that they must, with arguments that these describe', async () => {
    const tools = [WEATHER, { type: 'function' as const, function: { name: 'nothing' } }];
    const asked = { ...greedy, temperature: 1, max_tokens: 400, tools };
    for (const [tool_choice, names] of [
      ['required', ['weather', 'nothing']],
      [{ type: 'function', function: { name: 'nothing' } }, ['nothing']],
      [{ type: 'function', function: { name: 'weather' } }, ['weather']],
      [
        {
          type: 'allowed_tools',
          allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'nothing' } }] },
        },
        ['nothing'],
      ],
    ] as [OpenAI.ChatCompletionToolChoiceOption, string[]][]) {
      for (const seed of [1, 2, 3]) {
        const { choices } = await client.chat.completions.create({ ...asked, tool_choice, seed });
        assert.deepEqual([choices[0]?.finish_reason, choices[0]?.message.content], ['tool_calls', null]);
        const [call, ...others] = choices[0]?.message.tool_calls ?? [];
        assert.ok(call?.type === 'function' && others.length === 0);
        assert.ok(names.includes(call.function.name), call.function.name);
        const { city, days, ...rest } = JSON.parse(call.function.arguments);
        assert.deepEqual(rest, {});
        if (call.function.name === 'nothing') assert.deepEqual([city, days], [undefined, undefined]);
        else assert.ok(['Oslo', 'Rome'].includes(city) && Number.isInteger(days), call.function.arguments);
      }
    }
    const cut = await client.chat.completions.create({ ...asked, tool_choice: 'required', max_tokens: 9 });
    assert.deepEqual([cut.choices[0]?.finish_reason, cut.choices[0]?.message.content], ['length', '']);
    // As their helper for schemas sends it, and as a stream.
    const run = client.chat.completions.stream({
      ...asked,
      tools: [zodFunction({ name: 'weather', parameters: z.object({ city: z.enum(['Oslo', 'Rome']) }) })],
      tool_choice: 'required',
    });
    const parsed = (await run.finalChatCompletion()).choices[0]?.message.tool_calls?.[0];
    assert.ok(parsed?.type === 'function');
    assert.ok(['Oslo', 'Rome'].includes((parsed.function.parsed_arguments as { city: string }).city));
  });

  it('stop when nobody listens any more, and are loaded again when their process was killed', async () => {
    const leaving = new AbortController();
    const stream = await client.chat.completions.create(
      { ...asked, max_tokens: 100_000, logit_bias: { '2': -100 }, stream: true },
      { signal: leaving.signal },
    );
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    leaving.abort();
    const [process_] = await serving();
    assert.ok(process_);
    let before = -1;
    await until('its process to rest', async () => {
      const now = await cpuMs(process_.pid);
      const rests = now === before;
      before = Number(now);
      return rests ? true : null;
    });
    process.kill(process_.pid, 'SIGKILL');
    await until('it to be gone', async () => ((await serving()).length === 0 ? true : null));
    assert.equal((await client.chat.completions.create(greedy)).choices.length, 1);
  });

  async function own(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await service.call(method, path, body, { Authorization: `Bearer ${KEY}` });
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer.body;
  }
});
