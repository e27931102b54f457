import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** What a training workflow can be found by in Temporal; the names as keys of the code, the types as Temporal has them. */
export const searchAttributeKeys = {
  runId: defineSearchAttributeKey('MtmRunId', SearchAttributeType.INT),
  owner: defineSearchAttributeKey('MtmOwner', SearchAttributeType.KEYWORD),
  status: defineSearchAttributeKey('MtmStatus', SearchAttributeType.KEYWORD),
  trainingType: defineSearchAttributeKey('MtmTrainingType', SearchAttributeType.KEYWORD),
  baseModel: defineSearchAttributeKey('MtmBaseModel', SearchAttributeType.KEYWORD),
  /** Of workflows of earlier versions: now the worker is with the heartbeats. */
  worker: defineSearchAttributeKey('MtmWorker', SearchAttributeType.KEYWORD),
  name: defineSearchAttributeKey('MtmName', SearchAttributeType.KEYWORD),
  data: defineSearchAttributeKey('MtmData', SearchAttributeType.KEYWORD_LIST),
};

/** The same as name and type, for setting up a namespace. */
export const SEARCH_ATTRIBUTES = [
  { name: 'MtmRunId', type: 'Int' },
  { name: 'MtmOwner', type: 'Keyword' },
  { name: 'MtmStatus', type: 'Keyword' },
  { name: 'MtmTrainingType', type: 'Keyword' },
  { name: 'MtmBaseModel', type: 'Keyword' },
  { name: 'MtmWorker', type: 'Keyword' },
  { name: 'MtmName', type: 'Keyword' },
  { name: 'MtmData', type: 'KeywordList' },
] as const;
