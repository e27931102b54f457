/** A time for people, as short as it can be read: `under 1 s`, `42 s`, `3.5 min`, `7.2 h`, `12 days`. */
export function duration(ms: number): string {
  if (ms < 1_000) return 'under 1 s';
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${(ms / 60_000).toFixed(1)} min`;
  return ms < 172_800_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${Math.round(ms / 86_400_000)} days`;
}
