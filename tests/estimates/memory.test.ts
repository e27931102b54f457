import assert from 'node:assert/strict';
import { diskOf } from '../../src/estimates/disk.ts';
import { hostMemoryBesideGpu, leastMemory, memoryOf, peakOf } from '../../src/estimates/memory.ts';
import { remediesOf } from '../../src/estimates/remedies.ts';
import type { Beginning, Settings, Training } from '../../src/estimates/training.ts';
import { pairs, training } from './llama.ts';

const PARAMETERS = 848;
const ADAPTERS = 4 * 128;

function onGpu(type: 'standard' | 'lora') {
  const { device, ...rest } = training(type);
  return { ...rest, device: { ...device, kind: 'cuda' as const } };
}

describe('the memory of a training', () => {
  it('is 16 bytes a weight of a standard training in fp32, and 8 in bf16', () => {
    const { weights, gradients, optimizer, adapters } = memoryOf(training('standard'));
    assert.deepEqual(
      [weights, gradients, optimizer, adapters],
      [4, 4, 8, 0].map((bytes) => bytes * PARAMETERS),
    );
    const bf16 = memoryOf(training('standard', { weights: 'bf16' }));
    assert.deepEqual(
      [bf16.weights, bf16.gradients, bf16.optimizer],
      [2, 2, 4].map((bytes) => bytes * PARAMETERS),
    );
  });

  it('has what the optimizer keeps of each weight', () => {
    // Change a number of OPTIMIZER_BYTES, or leave embeddings to it (src/estimates/memory.ts), and a row fails.
    const embeddings = 32 * 8;
    const inLayer = PARAMETERS - embeddings;
    const expected = {
      adamw: 8 * PARAMETERS,
      lion: 4 * PARAMETERS,
      adafactor: 0,
      adamw_8bit: 2 * inLayer + 8 * embeddings,
      paged_adamw_8bit: 2 * inLayer + 8 * embeddings,
      muon: 4 * inLayer + 8 * embeddings,
    } as const;
    for (const [optimizer, bytes] of Object.entries(expected))
      assert.equal(memoryOf(training('standard', { optimizer: optimizer as keyof typeof expected })).optimizer, bytes);
    assert.equal(memoryOf(training('lora', { optimizer: 'adamw_8bit' })).optimizer, 2 * ADAPTERS);
    assert.equal(memoryOf(training('lora', { optimizer: 'adafactor', lora_r: 4 })).optimizer, ADAPTERS);
  });

  it('is in fp32 with optimizers that would lose what is learnt to rounding, however small the GPU', () => {
    // Leave the optimizer out of isRounded (src/estimates/training.ts).
    const onSmallGpu = (optimizer: 'adamw' | 'lion') => {
      const { device, ...rest } = training('standard', { optimizer });
      return memoryOf({ ...rest, device: { ...device, kind: 'cuda', memoryBytes: 16 * PARAMETERS } });
    };
    assert.deepEqual([onSmallGpu('adamw').weights, onSmallGpu('lion').weights], [2 * PARAMETERS, 4 * PARAMETERS]);
  });

  it('is 2 bytes a weight beside adapters in float32, which alone have gradients and moments', () => {
    const { weights, gradients, optimizer, adapters } = memoryOf(training('lora'));
    assert.deepEqual([weights, gradients, optimizer], [2 * PARAMETERS, 4 * ADAPTERS, 8 * ADAPTERS]);
    assert.equal(adapters, (4 + 2) * ADAPTERS);
  });

  it('has what is trained whole beside adapters as it has adapters, of which some optimizers leave embeddings to AdamW', () => {
    // Leave wholeParameters out of optimizerBytes, or out of logitBytes (src/estimates/memory.ts), and it fails.
    const embeddings = 32 * 8;
    const beside = memoryOf(training('lora'));
    const whole = memoryOf(training('lora', { modules_to_save: ['embed_tokens'] }));
    assert.equal(whole.adapters - beside.adapters, (4 + 2) * embeddings);
    assert.equal(whole.gradients - beside.gradients, 4 * embeddings);
    assert.equal(whole.optimizer - beside.optimizer, 8 * embeddings);
    assert.equal(whole.logits - beside.logits, 2 * 4 * embeddings);
    const in8Bits = memoryOf(training('lora', { modules_to_save: ['embed_tokens'], optimizer: 'adamw_8bit' }));
    assert.equal(in8Bits.optimizer, 2 * ADAPTERS + 8 * embeddings);
    const small = memoryOf(training('lora', { modules_to_save: ['embed_tokens'], optimizer: 'adafactor' }));
    assert.equal(small.optimizer, ADAPTERS);
  });

  it('of pairs of answers is that of the weights that are trained, for both answers of each row', () => {
    // Let trainedAs (src/trainer/training-types.ts) be lora for all of them, or sequencesOfRow (src/estimates/training.ts) be 1.
    for (const [finetuning_type, type] of [
      ['lora', 'lora'],
      ['qlora', 'qlora'],
      ['full', 'standard'],
    ] as const) {
      assert.deepEqual(memoryOf(pairs({ finetuning_type })), memoryOf(training(type, { batch_size: 4 })));
    }
    assert.deepEqual(
      remediesOf(
        {
          epochs: 1,
          deviceName: 'Some CPU',
          model: 'some/model@1',
          training: pairs({ finetuning_type: 'full', batch_size: 1 }),
        },
        [],
        8e9,
        () => false,
      ).at(-1)?.change,
      { finetuning_type: 'qlora' },
    );
  });

  it('is half a byte and some for what is in 4 bits, and 2 bytes for embeddings and norms', () => {
    // Leave out the scales of NF4_BYTES (src/estimates/memory.ts), and it fails.
    const inFour = 576;
    const scales = inFour / 64 + (inFour / 64 / 256) * 4;
    assert.equal(memoryOf(training('qlora')).weights, Math.round(0.5 * inFour + scales + 2 * (PARAMETERS - inFour)));
  });

  it('has weights in 4 bits once more in 16 on a CPU, up to a billion bytes, which is not needed', () => {
    // Count them as needed in peakOf, or on a GPU (src/estimates/memory.ts), and it fails.
    const { device, shape, ...rest } = training('qlora');
    const on = (kind: 'cpu' | 'cuda', layers = 1) => {
      const matrices = shape.matrices.map((matrix) => ({ ...matrix, inputs: matrix.inputs * layers }));
      return memoryOf({ ...rest, shape: { ...shape, matrices }, device: { ...device, kind } });
    };
    const parts = on('cpu');
    assert.equal(parts.dequantised_weights, 2 * 576);
    const { bytes, needed } = peakOf(parts, training('qlora').settings);
    assert.equal(bytes - needed, 2 * 576 + parts.checkpoint_copy);
    assert.equal(on('cuda').dequantised_weights, 0);
    assert.equal(on('cpu', 1_000_000).dequantised_weights, 0);
  });

  it('keeps activations of the longest batch, layer by layer, and less where they are computed again', () => {
    // Of a token: 12 × 8 hidden, 8 × 8 queries, 4 × 4 keys, 8 × 16 within the MLP; 4 × 8 and 2 × 4 × 7 beside adapters.
    const layer = 96 + 64 + 16 + 128 + 32 + 56;
    const tokens = 2 * 10;
    assert.equal(memoryOf(training('lora')).activations, 1.25 * tokens * layer * (1 + 1));
    const again = memoryOf(training('lora', { activation_checkpointing: true })).activations;
    assert.equal(again, 1.25 * tokens * (2 * 8 + 2 * layer));
    const dropped = 4 * (6 * 8 + 16);
    const withDropout = memoryOf(training('lora', { lora_dropout: 0.1 })).activations;
    assert.equal(withDropout, 1.25 * tokens * (layer + dropped) * 2);
  });

  it('keeps what weights and adapter give of each row where DoRA learns their lengths, and makes the largest matrix anew for that', () => {
    // Leave ofDora out of keptOfLayer, or madeForLengths out of activationBytes (src/estimates/activations.ts), and it fails.
    const [plain, dora] = [false, true].map((use_dora) => memoryOf(training('lora', { use_dora })));
    const given = 8 + 4 + 4 + 8 + 16 + 16 + 8;
    assert.equal(plain?.adapters, 6 * ADAPTERS);
    assert.equal(dora?.adapters, 6 * (ADAPTERS + given));
    // Of 8 × 16 numbers: 20 bytes for each, which is more than 6 for the square of 16 inputs and 2 for each.
    const made = 20 * 8 * 16;
    assert.equal((dora?.activations ?? 0) - (plain?.activations ?? 0), 1.25 * 20 * (2 * 2 * given) * 2 + made);
  });

  it('has gradients where activations were, but for those of a step of several batches', () => {
    const parts = { ...memoryOf(training('standard')), activations: 1_000_000 };
    const one = peakOf(parts, training('standard').settings);
    const several = peakOf(parts, training('standard', { gradient_accumulation: 2 }).settings);
    assert.equal(several.needed - one.needed, parts.gradients);
  });

  it('has a copy of a checkpoint where one is written behind later steps, which is not needed', () => {
    const parts = memoryOf(training('standard', { save_steps: 10 }));
    assert.equal(parts.checkpoint_copy, 12 * PARAMETERS);
    const { bytes, needed } = peakOf(parts, training('standard').settings);
    assert.equal(bytes - needed, 12 * PARAMETERS);
    assert.equal(memoryOf(training('standard', { save_steps: 50 })).checkpoint_copy, 0);
  });

  it('is of each device where several share the rows of a batch, with room to exchange gradients', () => {
    // Leave DistributedDataParallel's buckets out of memoryOf (src/estimates/memory.ts), and it fails.
    const alone = training('standard', { batch_size: 5 });
    const shared = { ...alone, device: { ...alone.device, processes: 2 } };
    const [one, two] = [memoryOf(alone), memoryOf(shared)];
    assert.equal(two.activations, (one.activations * 3) / 5);
    assert.deepEqual([two.weights, two.gradients, two.optimizer], [one.weights, one.gradients, one.optimizer]);
    assert.equal(two.overhead - one.overhead, two.gradients);
  });

  it('is a part of the model for each device where it is sharded, and room for what is whole meanwhile', () => {
    // Leave partsOfModel out of a line of memoryOf, or exchangedBytes out of it (src/estimates/memory.ts).
    const sharded = (type: 'standard' | 'lora', chosen = {}) => {
      const { device, ...rest } = training(type, { sharding: 'full', ...chosen });
      return memoryOf({ ...rest, device: { ...device, kind: 'cuda', processes: 2, memoryBytes: 16 * PARAMETERS } });
    };
    const { weights, gradients, optimizer, overhead } = sharded('standard');
    assert.deepEqual(
      [weights, gradients, optimizer],
      [4, 4, 8].map((bytes) => (bytes * PARAMETERS) / 2),
    );
    const [embeddings, layer] = [256, 592];
    assert.equal(overhead - memoryOf(onGpu('standard')).overhead, (2 * layer + embeddings) * (2 + 4));
    const adapted = sharded('lora');
    assert.deepEqual([adapted.weights, adapted.optimizer], [PARAMETERS, 4 * ADAPTERS]);
    assert.equal(adapted.overhead - memoryOf(onGpu('lora')).overhead, (2 * layer + embeddings) * 2);
    const { device, ...rest } = training('standard', { sharding: 'full' });
    // A checkpoint has all parts. Leave partsOfModel out of src/estimates/disk.ts.
    const onTwo = { ...rest, device: { ...device, kind: 'cuda' as const, processes: 2 } };
    assert.equal(diskOf(onTwo).checkpoints, diskOf(onGpu('standard')).checkpoints);
    // Until it has its part, each process has the whole model on the host.
    const onThree = { ...onTwo, device: { ...onTwo.device, processes: 3 } };
    assert.equal(hostMemoryBesideGpu(onThree), 1.5 * hostMemoryBesideGpu(onTwo));
  });

  it('is at least what a single token takes', () => {
    const [most, least] = [
      training('standard', { batch_size: 64 }),
      leastMemory(training('standard', { batch_size: 64 })),
    ];
    assert.equal(least, leastMemory(training('standard', { batch_size: 1 })));
    assert.ok(least < peakOf(memoryOf(most), most.settings).needed);
  });

  it('goes to the disk as three checkpoints, the adapter, and the model that it is merged into', () => {
    const { checkpoints, export: adapter, merge } = diskOf(training('lora'));
    assert.deepEqual([checkpoints, adapter, merge], [3 * 12 * ADAPTERS, 4 * ADAPTERS, 4 * PARAMETERS]);
    assert.equal(diskOf(training('lora', { merge: false })).merge, 0);
    const whole = diskOf(training('standard'));
    assert.equal(whole.base_copy, 0);
    const { shape } = training('standard');
    const stored = diskOf(training('standard', {}, { ...shape, storedBytes: 500 }));
    assert.equal(stored.base_copy, shape.fileBytes);
    assert.deepEqual([whole.checkpoints, whole.export, whole.merge], [3 * 12 * PARAMETERS, 4 * PARAMETERS, 0]);
  });

  it('takes as much of the disk as the base for what it begins from, unless it goes on with adapters of the same form', () => {
    // Leave a line out of isOfForm (src/estimates/beginnings.ts), and a row fails; take the rule for a model in the layout of the base away, and the last one does.
    const target_modules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
    const form = { r: 4, lora_alpha: 8, use_rslora: false, use_dora: false, target_modules, modules_to_save: [] };
    const copy = (start: Beginning, type: Training['type'] = 'lora', chosen: Partial<Settings> = {}) =>
      diskOf({ ...training(type, chosen), start }).start_copy;
    const adapter = (changed: object = {}): Beginning => ({ kind: 'adapter', adapter: { ...form, ...changed } });
    assert.equal(copy(adapter()), 0);
    assert.equal(
      copy(adapter({ modules_to_save: ['model.embed_tokens'] }), 'lora', { modules_to_save: ['lm_head'] }),
      0,
    );
    assert.equal(copy({ kind: 'model' }), 0);
    // The base with new tokens is written out as well: leave it out of diskOf.
    const tokens = { new_tokens: ['<a>'] };
    assert.equal(copy({ ...adapter(), ...tokens }, 'lora', tokens), 4 * PARAMETERS);
    assert.equal(copy(adapter(), 'lora', tokens), 2 * 4 * PARAMETERS);
    const others = [
      { r: 8 },
      { lora_alpha: 16 },
      { use_rslora: true },
      { use_dora: true },
      { target_modules: ['q_proj'] },
      { modules_to_save: ['model.norm'] },
    ].map((changed) => copy(adapter(changed)));
    const whole = 4 * PARAMETERS;
    assert.deepEqual(others, [whole, whole, whole, whole, whole, whole]);
    assert.deepEqual(
      [copy(adapter(), 'standard'), copy({ kind: 'adapter' }), copy({ kind: 'checkpoint' })],
      [whole, whole, whole],
    );
  });
});
