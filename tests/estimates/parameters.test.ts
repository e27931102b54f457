import assert from 'node:assert/strict';
import { readModelShape, shapeOf } from '../../src/base-models/model-shape.ts';
import { trainableParameters } from '../../src/estimates/parameters.ts';
import { loadEnv } from '../../src/platform/env.ts';
import { tinyModel } from '../support/tiny-models.ts';
import { LLAMA, settings } from './llama.ts';

describe('the parameters of a training', () => {
  it('are those that the trainer counts, of a real model by its headers', async function () {
    this.timeout(60_000);
    const shape = await readModelShape(await tinyModel(loadEnv()));
    // As trainers tell it in their event `plan`: 106,816 in all, and with adapters of rank 16 another 32,768.
    assert.equal(shape.parameters, 106_816);
    assert.equal(trainableParameters({ shape, type: 'lora', settings: settings({ lora_r: 16 }) }), 32_768);
    assert.equal(trainableParameters({ shape, type: 'standard', settings: settings() }), 106_816);
    assert.deepEqual([shape.layers, shape.hidden, shape.queries, shape.keys, shape.intermediate], [2, 64, 64, 32, 128]);
  });

  it('are r × (inputs + outputs) of each layer that gets adapters', () => {
    // Count `inputs` alone in adapterParameters (src/estimates/parameters.ts), and it fails.
    const shape = shapeOf(...LLAMA);
    // q and o: 8 + 8; k and v: 8 + 4; gate, up, down: 8 + 16.
    const perRank = 2 * 16 + 2 * 12 + 3 * 24;
    assert.equal(trainableParameters({ shape, type: 'qlora', settings: settings({ lora_r: 4 }) }), 4 * perRank);
    const chosen = settings({ lora_r: 4, lora_target_modules: ['q_proj', 'mlp.down_proj'] });
    assert.equal(trainableParameters({ shape, type: 'qlora', settings: chosen }), 4 * (16 + 24));
  });

  it('are those of what is trained whole beside adapters, of which tied embeddings are one matrix', () => {
    // Leave out isTied in wholeParameters (src/estimates/parameters.ts), or what it gives in trainableParameters, and it fails.
    const [config, tensors, bytes] = LLAMA;
    const whole = (isTied: boolean, modules_to_save: string[]) => {
      const shape = shapeOf({ ...config, tie_word_embeddings: isTied }, tensors, bytes);
      const of = (chosen: object) => trainableParameters({ shape, type: 'lora', settings: settings(chosen) });
      return of({ modules_to_save }) - of({});
    };
    assert.equal(whole(true, ['embed_tokens', 'lm_head']), 32 * 8);
    assert.equal(whole(false, ['embed_tokens', 'lm_head']), 2 * 32 * 8);
    assert.equal(whole(false, ['model.embed_tokens']), 32 * 8);
    assert.equal(whole(true, ['norm', 'input_layernorm']), 0);
  });

  it('are those of the rows of new tokens, of each matrix that is not trained whole', () => {
    // Leave tokenParameters out of trainableParameters (src/estimates/parameters.ts), or matricesWithRows, and it fails.
    const [config, tensors, bytes] = LLAMA;
    const rows = (isTied: boolean, type: 'lora' | 'standard', chosen: object = {}) => {
      const shape = shapeOf({ ...config, tie_word_embeddings: isTied }, tensors, bytes);
      const of = (more: object) => trainableParameters({ shape, type, settings: settings({ ...chosen, ...more }) });
      return of({ new_tokens: ['<a>', '<b>', '<c>'] }) - of({});
    };
    assert.deepEqual([rows(true, 'lora'), rows(false, 'lora'), rows(true, 'standard')], [3 * 8, 2 * 3 * 8, 3 * 8]);
    assert.equal(rows(false, 'lora', { modules_to_save: ['embed_tokens'] }), 3 * 8);
    assert.equal(rows(true, 'lora', { modules_to_save: ['embed_tokens'] }), 0);
  });

  it('count tied weights once, and what reads images for nothing that is trained', () => {
    const [config, tensors, bytes] = LLAMA;
    const entry = { dtype: 'F32', shape: [32, 8], start: 0 };
    const tied = new Map([...tensors, ['lm_head.weight', entry]] as const);
    const untied = { ...config, tie_word_embeddings: false };
    assert.equal(shapeOf(config, tied, bytes).parameters, shapeOf(...LLAMA).parameters);
    assert.equal(shapeOf(untied, tied, bytes).parameters, shapeOf(...LLAMA).parameters + 32 * 8);
    const seeing = { model_type: 'llava', text_config: config };
    const withEyes = new Map([...tensors, ['vision_tower.layer.fc.weight', entry]] as const);
    const shape = shapeOf(seeing, withEyes, bytes);
    assert.equal(shape.parameters - shape.languageParameters, 32 * 8);
    assert.ok(!shape.matrices.some(({ name }) => name.startsWith('vision')));
  });

  it('have a matrix for each expert, and none for what chooses experts', () => {
    const [config, tensors, bytes] = LLAMA;
    const of = (shape: number[]) => ({ dtype: 'F32', shape, start: 0 });
    const experts = new Map([
      ...tensors,
      ['model.layers.0.mlp.experts.gate_up_proj', of([4, 32, 8])],
      ['model.layers.0.mlp.gate.weight', of([4, 8])],
    ] as const);
    const shape = shapeOf(config, experts, bytes);
    const [found] = shape.matrices.filter(({ name }) => !tensors.has(name));
    assert.deepEqual([found?.inputs, found?.outputs, found?.experts], [8, 32, 4]);
    assert.equal(shape.matrices.length, shapeOf(...LLAMA).matrices.length + 1);
  });
});
