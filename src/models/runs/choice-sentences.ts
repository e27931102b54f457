import { LEARNING_RATES_IN_WORDS } from '../settings/learning-rates.ts';

/** What each hyperparameter does, for readers of the OpenAPI document and of the page. */
export const HYPERPARAMETER_SENTENCES = {
  batch_size: 'Rows that are in memory at once. A step takes batch_size times gradient_accumulation rows.',
  gradient_accumulation: 'Batches that are put together into one step: larger steps, without more memory.',
  learning_rate: `How far a step moves the weights, at most: lr_scheduler says how the rate changes. Without one, that of the configuration, or else of the training type: ${LEARNING_RATES_IN_WORDS}.`,
  epochs: 'How often each row is trained on.',
  lora_r: 'Of lora, qlora and dpo: the rank of the adapters. A higher one learns more, and takes more memory.',
  lora_alpha: 'Of lora, qlora and dpo: how much the adapters count, as lora_alpha divided by lora_r.',
  lora_dropout:
    'Of lora, qlora and dpo: the part of what adapters read that is left out at random, against learning by heart.',
  max_length: 'The longest row, in tokens; too_long says what becomes of longer ones.',
  seed: 'Decides all that is random: which rows are held out, their order, dropout.',
  save_steps:
    'Steps between checkpoints, from which an interrupted run goes on. Without it: ten in a run, and at least every 200 steps, as far as saving is cheap.',
  max_steps: 'The most steps, whatever epochs says. Without it: as many as the epochs give.',
  too_long: 'Rows of more than max_length tokens are cut off (truncate), left out (drop), or made several (split).',
  batching:
    'The rows of a step are of like length (like_length), so that little is computed on padding, or any (random).',
  packing:
    'Of qlora, lora and standard: lays the rows of a step end to end, and each reads itself alone, as before. Nothing is computed on padding, and what rows begin with, such as a system prompt, once: faster where rows are short and uneven.',
  eval_steps:
    'Steps between looks at the loss on held-out rows; 0: none. Without it: at most ten looks, as far as they are cheap.',
  early_stopping_patience:
    'So many looks at the held-out rows in a row that are not better than the best end the training, and the best model is kept. Without it: training goes to its last step.',
  compile: 'Uses torch.compile: slow to begin, faster in long trainings. It needs a C++ compiler.',
  chunk_tokens: 'Of rag: how large a chunk of a text is, in tokens.',
  chunk_overlap: 'Of rag: what a chunk has in common with the next, in tokens; less than half of chunk_tokens.',
  merge: 'Of lora, qlora and dpo: puts the merged model beside the adapter.',
  lora_target_modules:
    'Of lora, qlora and dpo: names of the layers that get adapters, such as q_proj. Without it: every linear layer but that of the output.',
  modules_to_save:
    'Of lora, qlora and dpo: names of what is trained whole beside the adapters, such as embed_tokens, lm_head or norm, for tokens that the base model hardly knows. Embeddings that are the output as well stay one matrix. Without it: nothing.',
  new_tokens:
    'Texts that become one token each, such as <think>, where the vocabulary of the base model lacks them. Their rows of the embeddings and of the output are learnt, with adapters by themselves. Without it: none.',
  activation_checkpointing:
    'Computes activations twice instead of keeping them: less memory, more time, the same result.',
  weights:
    'Where all weights are trained (standard, or dpo with finetuning_type full): in what. bf16 takes half the memory of fp32, and is rounded so that nothing is lost. Without it: fp32, unless a GPU has no room for that.',
  reasoning:
    'Thoughts that the chat template has no place for are learnt in the text of the answer (inline), or left out (drop).',
  tool_calls:
    'Where the chat template cannot show calls of tools, their rows are refused (refuse), or they are written as JSON in the text (json).',
  beta: 'Of dpo: how close the model is kept to its base while it learns what is preferred. A lower one lets it go further. With loss_type orpo: how much the preference counts beside the chosen answer.',
  loss_type:
    'Of dpo: how a preference is learnt: as a bet that the chosen answer wins (sigmoid), or as a fixed distance between both (ipo), which goes less far where a preference is always the same; or beside the chosen answer itself, without a base to compare with (orpo).',
  finetuning_type:
    'Of dpo: what learns: adapters on the base as it is (lora), adapters on the base in 4 bits (qlora), or all weights (full).',
  sharding:
    'Of standard and lora, on several GPUs for one run: each has the whole model (none), or a part of it (full, FSDP2), so that they train together what none of them has room for.',
  on_bad_rows: 'Rows that cannot be learnt end the run (refuse), or are left out and counted (skip).',
  train_on:
    'What is learnt of a conversation: its answers (answers), all of it (everything), or the last of its answers (last_answer). Of a plain text all is learnt.',
  lr_scheduler:
    'Behind the warm-up the learning rate falls along a cosine (cosine) or a line (linear), stays (constant_with_warmup), or stays and falls in the last fifth (warmup_stable_decay). Or it is the same from the first step on (constant).',
  warmup_steps: 'Steps in which the learning rate rises. Without it and warmup_ratio: 3 % of all.',
  warmup_ratio: 'The share of all steps in which the learning rate rises, in place of warmup_steps.',
  optimizer:
    'What makes a step of gradients. adamw_8bit and adafactor take less memory, lion half of it and a learning_rate some 5 times lower; paged_adamw_8bit leaves the GPU when it is full; muon makes steps of matrices orthogonal, and leaves the rest to adamw. Without it: adamw, or for qlora on a GPU paged_adamw_8bit.',
  weight_decay: 'How fast a step draws weights towards 0, as a part of the learning rate.',
  max_grad_norm: 'Gradients of a greater length are shortened to it; 0: never.',
  use_rslora:
    'Of lora and qlora: adapters count as lora_alpha divided by the root of lora_r, so that a high lora_r learns as fast.',
  use_dora:
    'Of lora and qlora: learns the length of each row of the weights apart from its direction (DoRA). Often better with a low lora_r; steps take longer, and more memory.',
  loraplus_lr_ratio:
    'Of lora and qlora: how much faster the second matrix of an adapter learns than the first (LoRA+), such as 16. Without it: as fast.',
  neftune_noise_alpha:
    'Noise upon what the model reads while it trains (NEFTune), such as 5, against learning by heart. Without it: none.',
} as const;

/** The same of how rows are mixed. */
export const MIXING_SENTENCES = {
  policy:
    'Where a dataset has fewer rows than its share asks for: the trait gets fewer, at exact shares (shrink); the dataset gives what it has, and the shares drift (cap); its rows are repeated (oversample); or the mixture is refused (error).',
  max_repeats: 'Of oversample: how often a row may occur.',
  similar_rows:
    'Rows that two datasets, or training and held-out rows, have in common, word for word or nearly: they are counted (count), left out (drop), or not looked for (ignore).',
  held_out:
    'How many rows of each dataset of a trait are held out: as its share (by_share), or the same ones whatever the shares, so that two mixtures of the same datasets compare (fixed).',
} as const;
