import type { NewRun, PlannedRun } from '../../api/new-runs.ts';
import type { RequestFields } from '../../api/request-fields.ts';
import { readField } from '../../parts/fields/values.ts';
import { gateOf } from '../../parts/gate/gate.ts';
import { whenOf } from '../../parts/queue/when.ts';
import type { Draft, FollowingDraft, Ground, TraitDraft } from './draft.ts';

type JobBody = Extract<NewRun, { kind: 'job' }>['body'];
type ProjectBody = Extract<NewRun, { kind: 'project' }>['body'];

/** In characters, which take up to four bytes, of which a name may have 255. */
const LONGEST_FOLDER = 60;

/** The request that a draft stands for. What cannot be sent is left out of it: `problemsOf` says what that is, and it is not sent then. */
export function requestOf(draft: Draft, ground: Ground): NewRun {
  const { kind } = draft;
  return kind === 'job'
    ? { kind, body: { ...jobBody(draft, ground), ...downloadOf(draft), ...whenOf(draft.when) } }
    : { kind, body: projectBody(draft, ground), start: { ...downloadOf(draft), ...whenOf(draft.when) } };
}

/** The same for its plan: without what no plan needs, and with a base model only where that can count tokens, or is fetched. */
export function planRequestOf(draft: Draft, ground: Ground, countsTokens: boolean): PlannedRun {
  const isNamed = countsTokens || draft.download;
  if (draft.kind === 'job') {
    const { name: _, description: __, model_name: model, ...rest } = jobBody(draft, ground);
    const body = { ...rest, ...downloadOf(draft) };
    return { kind: draft.kind, body: isNamed && model !== undefined ? { ...body, model_name: model } : body };
  }
  const {
    name: _,
    description: __,
    output_directory: ___,
    gate: ____,
    base_model: model,
    ...rest
  } = projectBody(draft, ground);
  const body = { ...rest, ...downloadOf(draft) };
  return { kind: draft.kind, body: isNamed && model !== undefined ? { ...body, base_model: model } : body };
}

/** Asked of a job, and of the start of a project. */
function downloadOf({ download }: Draft): { download?: true } {
  return download ? { download } : {};
}

function jobBody(draft: Draft, ground: Ground): JobBody {
  const body = {
    ...commonOf(draft),
    ...(draft.model.trim() === '' ? {} : { model_name: draft.model.trim() }),
    dataset_id: draft.datasetId ?? 0,
    // An index holds the rows that it is asked about.
    ...(draft.validationDatasetId === null || draft.type === 'rag'
      ? {}
      : { validation_dataset_id: draft.validationDatasetId }),
    ...chosenOf(draft.hyperparameters, ground.hyperparameters),
  };
  // Its hyperparameters were read by the fields of this very request.
  return body as JobBody;
}

function projectBody(draft: Draft, ground: Ground): ProjectBody {
  const mixing = chosenOf(draft.mixing, ground.mixing);
  const gate = draft.type === 'rag' ? undefined : gateOf(draft.gate);
  const body = {
    ...commonOf(draft),
    ...(draft.model.trim() === '' ? {} : { base_model: draft.model.trim() }),
    output_directory: outputDirectoryOf(draft),
    ...chosenOf({ max_rows: draft.maxRows }, ground.fields),
    traits: draft.traits.map((trait) => traitOf(trait, ground)),
    ...(Object.keys(mixing).length === 0 ? {} : { mixing }),
    ...(draft.followedBy === null || draft.type === 'rag'
      ? {}
      : { followed_by: followingOf(draft.followedBy, ground) }),
    ...(gate === undefined ? {} : { gate }),
    ...chosenOf(draft.hyperparameters, ground.hyperparameters),
  };
  // Likewise; max_rows has a default, so the generated type wants it.
  return body as ProjectBody;
}

/** What it leaves out is as of the first part. */
function followingOf({ type, traits, maxRows, hyperparameters }: FollowingDraft, ground: Ground) {
  return {
    training_type: type,
    ...chosenOf({ max_rows: maxRows }, ground.fields),
    ...(traits === null ? {} : { traits: traits.map((trait) => traitOf(trait, ground)) }),
    ...chosenOf(hyperparameters, ground.hyperparameters),
  };
}

function commonOf({ name, description, type, embeddingModel, startsFrom, trackers }: Draft) {
  return {
    name: name.trim(),
    ...(description.trim() === '' ? {} : { description: description.trim() }),
    training_type: type,
    ...(trackers.length === 0 ? {} : { trackers }),
    ...(startsFrom === null ? {} : { starts_from: startsFrom }),
    ...(type === 'rag' && embeddingModel.trim() !== '' ? { embedding_model: embeddingModel.trim() } : {}),
  };
}

function traitOf({ type, weight, shares }: TraitDraft, { filters: fields }: Ground) {
  return {
    trait_type: type,
    ...(weight.trim() === '' ? {} : { weight: Number(weight) }),
    datasets: shares.map(({ datasetId, thousandths, filters }) => {
      const chosen = chosenOf(filters, fields);
      return {
        dataset_id: datasetId ?? 0,
        percentage: thousandths / 1000,
        ...(Object.keys(chosen).length === 0 ? {} : { filters: chosen }),
      };
    }),
  };
}

/** The values of what was chosen. */
export function chosenOf(texts: Record<string, string>, fields: RequestFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(texts).flatMap(([name, text]) => {
      const read = fields[name] === undefined ? null : readField(fields[name], text);
      return read !== null && 'value' in read ? [[name, read.value]] : [];
    }),
  );
}

/** Where a project's models go: what was typed, or a folder of its name. */
export function outputDirectoryOf({ outputDirectory, name }: Draft): string {
  const words = name.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return outputDirectory.trim() || [...words.join('-')].slice(0, LONGEST_FOLDER).join('') || 'project';
}
