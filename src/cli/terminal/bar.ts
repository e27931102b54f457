import cliProgress from 'cli-progress';

const WIDTH = 20;

/** A bar on standard error that is drawn over itself at a terminal; elsewhere a line wherever something of it changed that counts. */
export interface Bar {
  /** @param progress from 0 to 1 @param key changes with what is worth a line of its own, beside each tenth */
  show(progress: number, text: string, key?: string): void;
  /** A line above the bar, which stays. */
  note(line: string): void;
  end(): void;
}

export function createBar(stream: NodeJS.WriteStream = process.stderr): Bar {
  return stream.isTTY ? terminalBar(stream) : lines(stream);
}

function terminalBar(stream: NodeJS.WriteStream): Bar {
  const bars = new cliProgress.MultiBar({
    stream,
    format: '{bar} {text}',
    barsize: WIDTH,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    linewrap: false,
    clearOnComplete: true,
    // Whoever watches has its own way to leave.
    gracefulExit: false,
    emptyOnZero: true,
  });
  const bar = bars.create(1, 0, { text: '' });
  return {
    // Narrower than the terminal, since a line that wraps is not drawn over.
    show: (progress, text) =>
      bar.update(progress, { text: text.slice(0, Math.max(10, (stream.columns ?? 80) - WIDTH - 2)) }),
    note: (line) => bars.log(`${line}\n`),
    end: () => bars.stop(),
  };
}

function lines(stream: NodeJS.WriteStream): Bar {
  let last = '';
  return {
    show: (progress, text, key = '') => {
      const now = `${Math.floor(10 * progress)} ${key}`;
      if (now !== last) stream.write(`${String(Math.floor(100 * progress)).padStart(3)} %  ${text}\n`);
      last = now;
    },
    note: (line) => void stream.write(`${line}\n`),
    end: () => {},
  };
}
