/** What a request is about, by the first part of its path. */
export const AUDITED_KINDS: Record<string, string> = {
  jobs: 'job',
  projects: 'project',
  datasets: 'dataset',
  sweeps: 'sweep',
  models: 'model',
  'model-downloads': 'download',
  config: 'settings',
  workers: 'pool',
  keys: 'key',
  'notification-targets': 'notification target',
  'notification-deliveries': 'notification delivery',
  session: 'session',
  files: 'file',
  uploads: 'upload',
  fine_tuning: 'fine-tuning job',
};
