/** The screens that stand in the menu. */
export const PLACES = [
  { address: '/', label: 'Overview' },
  { address: '/runs', label: 'Runs' },
  { address: '/sweeps', label: 'Sweeps' },
  { address: '/datasets', label: 'Datasets' },
  { address: '/new', label: 'New training' },
  { address: '/models', label: 'Base models' },
  { address: '/settings', label: 'Settings' },
];
