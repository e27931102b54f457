import type { Command, Help } from 'commander';

const GROUP_WIDTH = 9;
const NAMES_WIDTH = 11;

/**
 * `mtm --help`, which fits a screen of 24 lines and 80 columns: the groups as a column, and one line for neighbours that have the
 * same summary. Not shown are the commands that other programs start.
 */
export function overview(program: Command, helper: Help): string {
  const rows = rowsOf(helper.visibleCommands(program));
  const groups = [...new Set(rows.map(({ group }) => group))];
  const lines = groups.flatMap((group) =>
    rows
      .filter((row) => row.group === group)
      .map(({ names, summary }, index) => {
        const head = index === 0 ? group : '';
        return `${head.padEnd(GROUP_WIDTH)} ${names.join(', ').padEnd(NAMES_WIDTH)} ${summary}`;
      }),
  );
  return [
    'Usage: mtm COMMAND [OPTIONS]      mtm COMMAND --help says more of one',
    '',
    ...lines,
    'Of all    --json, --server URL (MTM_SERVER), MTM_API_KEY; more: docs/cli.md',
    '',
  ].join('\n');
}

interface Row {
  group: string;
  names: string[];
  summary: string;
}

function rowsOf(commands: Command[]): Row[] {
  const rows: Row[] = [];
  for (const command of commands) {
    // The first line says how to get help.
    if (command.name() === 'help') continue;
    const [group, summary] = [command.helpGroup() || 'Help', command.summary() || command.description()];
    const last = rows.at(-1);
    if (last && last.group === group && last.summary === summary) last.names.push(command.name());
    else rows.push({ group, names: [command.name()], summary });
  }
  return rows;
}
