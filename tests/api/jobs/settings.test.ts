import assert from 'node:assert/strict';
import { Run } from '../../../src/models/runs/run.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { DocumentedAnswers } from '../../support/openapi.ts';

/** Take a rule out of refused-together.ts or require-trainable.ts (src/commands/runs/), or a bound out of the schema, and its row is a job. */
const REFUSED: [status: number, settings: object, sentence: RegExp][] = [
  [
    400,
    { warmup_steps: 5, warmup_ratio: 0.1 },
    /^warmup_steps is 5 and warmup_ratio is 0\.1, .*\. Leave one of them out\.$/,
  ],
  [
    400,
    { lr_scheduler: 'constant', warmup_ratio: 0.1 },
    /^warmup_ratio is 0\.1, and lr_scheduler is "constant", .* Leave it out, or send \{"lr_scheduler": "constant_with_warmup"\}\.$/,
  ],
  [
    400,
    { training_type: 'standard', weights: 'bf16', optimizer: 'muon' },
    /^optimizer is "muon", and weights is "bf16", where only "adamw" loses nothing in rounding\. Leave one of them out\.$/,
  ],
  [
    400,
    { optimizer: 'muon', loraplus_lr_ratio: 16 },
    /^loraplus_lr_ratio is 16, and optimizer is "muon", .* Leave one of them out\.$/,
  ],
  [
    400,
    { training_type: 'dpo', train_on: 'everything' },
    /^train_on is "everything", and training_type is dpo, which learns from pairs by their answers\. Leave it out\.$/,
  ],
  [
    400,
    { training_type: 'dpo', weights: 'bf16' },
    /^weights is "bf16", and says in what all weights are trained\. Leave it out, or send .* or "dpo" with \{"finetuning_type": "full"\}\.$/,
  ],
  [
    400,
    { training_type: 'dpo', finetuning_type: 'full', use_dora: true },
    /^use_dora is true, and finetuning_type is full, which trains no adapters\. Leave it out, or send \{"finetuning_type": "lora"\} or "qlora"\.$/,
  ],
  [
    400,
    { training_type: 'lora', finetuning_type: 'full' },
    /^finetuning_type is "full", and training_type is lora, which learns no preferences\. Leave it out, or send /,
  ],
  [422, { finetuning_type: 'freeze' }, /^finetuning_type is "freeze": must be "lora", "qlora" or "full"\.$/],
  [
    400,
    { training_type: 'dpo', packing: true },
    /^packing is true, and training_type is "dpo", whose pairs of answers are not packed\. Leave it out, or send .*"standard"\.$/,
  ],
  [
    400,
    { packing: true, neftune_noise_alpha: 5 },
    /^neftune_noise_alpha is 5, and packing is true: .*\. Leave one of them out\.$/,
  ],
  ...(
    [
      [
        { training_type: 'qlora' },
        'training_type is "qlora", whose weights in 4 bits bitsandbytes keeps whole on each GPU',
        'send .*"standard"',
      ],
      [{ training_type: 'dpo' }, 'training_type is "dpo", whose pairs', 'send .*"standard"'],
      [{ training_type: 'standard', optimizer: 'lion' }, 'optimizer is "lion"', 'Leave one of them out'],
      [{ training_type: 'standard', weights: 'bf16' }, 'weights is "bf16"', 'Leave one of them out'],
      [{ training_type: 'lora', use_dora: true }, 'use_dora is true', 'Leave one of them out'],
      [{ training_type: 'lora', packing: true }, 'packing is true', 'Leave one of them out'],
      [{ training_type: 'lora', modules_to_save: ['norm'] }, 'modules_to_save names "norm"', 'Leave one of them out'],
      [{ training_type: 'lora', compile: true }, 'compile is true', 'Leave one of them out'],
    ] as const
  ).map(([chosen, why, remedy]): (typeof REFUSED)[number] => [
    400,
    { ...chosen, sharding: 'full' },
    new RegExp(`^(?=.*sharding is "full").*${why}.*${remedy}`),
  ]),
  [400, { packing: true, compile: true }, /^compile is true, and packing is true, .*\. Leave one of them out\.$/],
  ...(
    [
      ['use_rslora', true],
      ['use_dora', true],
      ['loraplus_lr_ratio', 16],
      ['modules_to_save', ['norm']],
    ] as const
  ).map(([name, value]): (typeof REFUSED)[number] => [
    400,
    { training_type: 'standard', [name]: value },
    new RegExp(
      `^${name} is ${JSON.stringify(value).replace(/[[\]]/g, '\\$&')}, and training_type is standard, which trains no adapters\\. Leave it out, or send .*"lora"`,
    ),
  ]),
  [
    400,
    { modules_to_save: ['lm_head'], lora_target_modules: ['q_proj', 'lm_head'] },
    /^lora_target_modules names "lm_head", and modules_to_save has it trained whole\. Leave it out of one of them\.$/,
  ],
  [
    422,
    { modules_to_save: ['lm head'] },
    /^modules_to_save\.0 is "lm head": give names of modules, such as "embed_tokens"\.$/,
  ],
  [
    400,
    { training_type: 'standard', new_tokens: ['<a>'], sharding: 'full' },
    /^new_tokens names "<a>", and sharding is "full", with which new tokens are not learnt yet\. Leave one of them out\.$/,
  ],
  [
    400,
    { training_type: 'rag', new_tokens: ['<a>'] },
    /^new_tokens names "<a>", and training_type is "rag", which trains nothing\. Leave it out, or choose another training type\.$/,
  ],
  [
    400,
    { new_tokens: ['<a>', '<b>'], merge: false },
    /^new_tokens names "<a>", "<b>", and merge is false: the base model, .* Leave one of them out\.$/,
  ],
  [422, { new_tokens: ['a b'] }, /^new_tokens\.0 is "a b": give texts without spaces or control characters/],
  [422, { new_tokens: ['<a>', '<b>', '<a>'] }, /^new_tokens is .*: has a token twice; name each once\.$/],
  [422, { new_tokens: [] }, /^new_tokens is /],
  [422, { new_tokens: ['\ud800'] }, /^new_tokens\.0 is .*: must not have half of a surrogate pair\.$/],
  [422, { lr_scheduler: 'sine' }, /^lr_scheduler is "sine": must be "cosine", .* or "warmup_stable_decay"\.$/],
  [422, { optimizer: 'sgd' }, /^optimizer is "sgd": must be "adamw", .* or "muon"\.$/],
  [422, { train_on: 'questions' }, /^train_on is "questions": must be "answers", "everything" or "last_answer"\.$/],
  [422, { warmup_steps: 0.5 }, /^warmup_steps is 0\.5: must be /],
  [422, { warmup_ratio: 2 }, /^warmup_ratio is 2: must be .*1\.$/],
  [422, { weight_decay: -1 }, /^weight_decay is -1: must be .*0\.$/],
  [422, { max_grad_norm: -1 }, /^max_grad_norm is -1: must be .*0\.$/],
  [422, { loraplus_lr_ratio: 0.5 }, /^loraplus_lr_ratio is 0\.5: must be .*1\.$/],
  [422, { neftune_noise_alpha: 0 }, /^neftune_noise_alpha is 0: must be .*0\.$/],
];

const CHOSEN = {
  lr_scheduler: 'warmup_stable_decay',
  warmup_steps: 10,
  weight_decay: 0.1,
  max_grad_norm: 0.5,
  optimizer: 'lion',
  use_rslora: true,
  use_dora: true,
  loraplus_lr_ratio: 16,
  neftune_noise_alpha: 5,
  train_on: 'last_answer',
  modules_to_save: ['embed_tokens', 'norm'],
  new_tokens: ['<think>', '</think>'],
};

describe('how a job is trained', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let documented: DocumentedAnswers;
  let datasetId: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    documented = new DocumentedAnswers((await api.call('GET', '/openapi.json')).body as never);
    datasetId = Number((await api.upload('rows.csv', 'input,output\na,b\nc,d\ne,f\n')).body.id);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function create(settings: object) {
    const { status, body } = await api.call('POST', '/jobs/', { name: 'job', dataset_id: datasetId, ...settings });
    documented.check('POST', '/jobs/', status, body);
    return { status, body };
  }

  it('is refused with the field, its value, and what to do', async () => {
    for (const [status, settings, sentence] of REFUSED) {
      const answer = await create(settings);
      assert.equal(answer.status, status, JSON.stringify([settings, answer.body]));
      assert.match(String(answer.body.detail), sentence);
    }
    assert.equal((await api.call('GET', '/jobs/')).body.total, 0, 'no refused job was kept');
  });

  it('is kept as it was chosen, with what was not', async () => {
    // Leave what was chosen out of resolveHyperparameters (src/models/runs/run-spec.ts), or warmup_ratio out of HYPERPARAMETER_DEFAULTS.
    const { status, body } = await create({ training_type: 'lora', ...CHOSEN });
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual({ ...(body.hyperparameters as object), ...CHOSEN }, body.hyperparameters);
    const run = await Run.findByPk(Number(body.run_id), { rejectOnEmpty: true });
    const { hyperparameters } = run.spec;
    assert.deepEqual({ ...hyperparameters, ...CHOSEN, warmup_ratio: null }, hyperparameters);
  });
});
