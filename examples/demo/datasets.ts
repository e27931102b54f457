/** A file of the demo's project: the reference's own example, three traits and five datasets. */
export interface DemoDataset {
  file: string;
  trait: 'reasoning' | 'coding' | 'general_tools';
  percentage: number;
}

/** The demo's own files, see generate.ts. */
export const DEMO_DATASETS: DemoDataset[] = [
  { file: 'demo-reasoning.csv', trait: 'reasoning', percentage: 100 },
  { file: 'demo-coding.jsonl', trait: 'coding', percentage: 100 },
  { file: 'demo-tools-weather.json', trait: 'general_tools', percentage: 50 },
  { file: 'demo-tools-order.jsonl', trait: 'general_tools', percentage: 30 },
  { file: 'demo-tools-remind.jsonl.gz', trait: 'general_tools', percentage: 20 },
];

/** Published data as its authors ship it, for `--data DIR`: GSM8K, HumanEval and the three parts of APIBench. */
export const PUBLISHED_DATASETS: DemoDataset[] = [
  { file: 'reasoning-gsm8k.jsonl', trait: 'reasoning', percentage: 100 },
  { file: 'coding-humaneval.jsonl.gz', trait: 'coding', percentage: 100 },
  { file: 'tools-huggingface.json', trait: 'general_tools', percentage: 50 },
  { file: 'tools-torchhub.json', trait: 'general_tools', percentage: 30 },
  { file: 'tools-tensorflow.json', trait: 'general_tools', percentage: 20 },
];
