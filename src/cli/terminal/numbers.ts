/** 134515008 is `134.5 M`; null where it is not known. */
export function inUnits(count: number | null | undefined, millions = 'M', billions = 'B'): string | null {
  if (count === null || count === undefined) return null;
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} ${billions}` : `${(count / 1e6).toFixed(1)} ${millions}`;
}

export function bytes(count: number | null | undefined): string | null {
  if (count === null || count === undefined) return null;
  return count >= 1e6 ? inUnits(count, 'MB', 'GB') : `${Math.ceil(count / 1e3)} kB`;
}

/** `GB` of what has gigabytes, else `MB`: its parts are in the same unit. */
export function bytesWithParts(total: number, parts: Record<string, number>): string {
  const [size, unit] = total >= 1e9 ? [1e9, 'GB'] : [1e6, 'MB'];
  const inUnit = (count: number) => `${(count / size).toFixed(1)} ${unit}`;
  const shown = shownParts(parts, 0.05 * size, inUnit);
  return shown === '' ? inUnit(total) : `${inUnit(total)}: ${shown}`;
}

/** `weights 1.2 GB, logits 0.3 GB`, the largest first. Left out is what is too small to be seen. */
export function shownParts(parts: Record<string, number>, least: number, text: (count: number) => string): string {
  return Object.entries(parts)
    .filter(([, count]) => Math.abs(count) >= least)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name.replaceAll('_', ' ')} ${text(count)}`)
    .join(', ');
}

/** `4 s`, `12 min`, `3 h 20 min`. */
export function duration(seconds: number): string;
export function duration(seconds: number | null | undefined): string | null;
export function duration(seconds: number | null | undefined): string | null {
  if (seconds === null || seconds === undefined) return null;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A part of 1 as `12 %`. */
export function percent(part: number): string {
  return `${(100 * part).toFixed(0)} %`;
}

export function loss(value: number | null | undefined): string | null {
  return value === null || value === undefined ? null : value.toFixed(3);
}
