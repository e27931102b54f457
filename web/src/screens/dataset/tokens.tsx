import { Button, Group, Stack, Text, Title } from '@mantine/core';
import type { RowTokens } from '../../api/types.ts';
import { count } from '../../parts/numbers.ts';
import { shown } from '../../parts/user-text.tsx';
import { TOKENS_AT_ONCE } from './settings.ts';

type Token = RowTokens['tokens'][number];
type PlacedToken = Token & { place: number };
type Fate = 'learnt' | 'shown' | 'cut';

/** The tokens of a row, one by one, with what becomes of each; in the sequences that it is trained on as. */
export function Tokens({ tokens: row, onOffset }: { tokens: RowTokens; onOffset: (offset: number) => void }) {
  const { tokens, examples, total, offset } = row;
  const places = [...new Set(tokens.map(({ example }) => example))];
  return (
    <Stack>
      <Legend row={row} />
      {places.map((place) => (
        <section key={place} aria-label={`Sequence ${place + 1}`}>
          {examples.length > 1 && (
            <Title order={2} size="h6">
              Sequence {place + 1} of {examples.length}: {count(examples[place]?.tokens)} tokens,{' '}
              {count(examples[place]?.learnt)} learnt
            </Title>
          )}
          <p className="tokens" dir="auto">
            {runsOf(tokens.filter(({ example }) => example === place)).map((run) => (
              <Run key={run.from} fate={run.fate} tokens={run.tokens} />
            ))}
          </p>
        </section>
      ))}
      {tokens.length < total && (
        <Group>
          <Text size="sm">
            Tokens {count(offset + 1)} to {count(offset + tokens.length)} of {count(total)}
          </Text>
          <Button
            variant="default"
            size="compact-sm"
            disabled={offset === 0}
            onClick={() => onOffset(Math.max(0, offset - TOKENS_AT_ONCE))}
          >
            Before
          </Button>
          <Button
            variant="default"
            size="compact-sm"
            disabled={offset + tokens.length >= total}
            onClick={() => onOffset(offset + TOKENS_AT_ONCE)}
          >
            After
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Legend({ row: { tokens, examples, total } }: { row: RowTokens }) {
  const sum = (of: 'learnt' | 'cut_off') => examples.reduce((all, example) => all + example[of], 0);
  const [learnt, cut] = [sum('learnt'), sum('cut_off')];
  const special = tokens.filter((token) => token.special).length;
  const entries = [
    { mark: <mark className="learnt">learnt</mark>, says: `${count(learnt)} tokens: what the model is trained to say` },
    { mark: <span>shown</span>, says: `${count(total - learnt - cut)}: what it reads before` },
    {
      mark: <span className="token special">special</span>,
      says: `${count(special)}${tokens.length < total ? ' of those below' : ''}: of the chat template`,
    },
    { mark: <del className="cut">cut off</del>, says: `${count(cut)}: not seen by training` },
  ];
  return (
    <ul className="legend" aria-label="Marks, and how many tokens have each">
      {entries.map(({ mark, says }) => (
        <li key={says}>
          {mark} {says}
        </li>
      ))}
    </ul>
  );
}

function fateOf({ learnt, cut_off }: Token): Fate {
  if (cut_off) return 'cut';
  return learnt ? 'learnt' : 'shown';
}

/** Tokens that follow each other with one fate. */
function runsOf(tokens: Token[]): { from: number; fate: Fate; tokens: PlacedToken[] }[] {
  const runs: ReturnType<typeof runsOf> = [];
  for (const [place, token] of tokens.entries()) {
    const fate = fateOf(token);
    const last = runs.at(-1);
    if (last?.fate === fate) last.tokens.push({ ...token, place });
    else runs.push({ from: place, fate, tokens: [{ ...token, place }] });
  }
  return runs;
}

/** In elements that readers for the blind tell of: marked, or deleted. */
function Run({ fate, tokens }: { fate: Fate; tokens: PlacedToken[] }) {
  const spans = tokens.map((token) => (
    <span key={token.place} className={token.special ? 'token special' : 'token'} title={`Token ${token.id}`}>
      {textOf(token.text)}
    </span>
  ));
  if (fate === 'learnt') return <mark className="learnt">{spans}</mark>;
  return fate === 'cut' ? <del className="cut">{spans}</del> : spans;
}

/** With marks for what makes lines and columns: they are tokens too. */
function textOf(text: string): string {
  return shown(text).replaceAll('\n', '↵\n').replaceAll('\t', '⇥\t');
}
