import { Anchor, Button, Group, Stack, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { MODEL_CARD, outputFilesQuery } from '../../api/outputs.ts';
import { reportQuery, runFile } from '../../api/runs.ts';
import type { Report as ReportOf, Run, RunOwner } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { bytes } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Votes } from '../../parts/votes.tsx';
import { Answers } from './report/answers.tsx';
import { Checks } from './report/checks.tsx';
import { Exports } from './report/exports.tsx';
import { FixedPrompts } from './report/fixed-prompts.tsx';
import { ModelCard } from './report/model-card.tsx';
import { NoReport } from './report/no-report.tsx';
import { OutputFiles } from './report/output-files.tsx';
import { Retrieval } from './report/retrieval.tsx';
import { Traits } from './report/traits.tsx';
import { VerdictShown } from './report/verdict.tsx';
import './report/report.css';

/** What became of a run: the verdict first, then what it rests on, then the model itself. */
export function Report({ owner, run }: { owner: RunOwner; run: Run }) {
  // The summary is known as soon as the report is written, also of a model that is not usable.
  const isWritten = run.status === 'completed' || run.verdict_summary !== null;
  const { data: report, error } = useQuery({ ...reportQuery(owner, run.number), enabled: isWritten });
  const hasModel = run.output_path !== null;
  const files = useQuery({ ...outputFilesQuery(owner, run.number), enabled: hasModel });
  if (!isWritten) return <NoReport run={run} />;
  const items = files.data?.items ?? [];
  return (
    <Stack gap="xl">
      <Problem error={error} title="The report cannot be read" />
      {report && <VerdictShown report={report} />}
      <Votes owner={owner} run={run} />
      <Group>
        {hasModel && (
          <Allowed needs="trainer" silently>
            <Button component="a" href={runFile(owner, run.number, 'download')}>
              Download the model{items.length > 0 && ` (${bytes(items.reduce((sum, file) => sum + file.bytes, 0))})`}
            </Button>
          </Allowed>
        )}
        {report && <Anchor href={runFile(owner, run.number, 'report.md')}>Report as Markdown</Anchor>}
        {report && <Anchor href={runFile(owner, run.number, 'report')}>Report as JSON</Anchor>}
      </Group>
      {report && <Found owner={owner} run={run.number} report={report} />}
      <Problem error={files.error} title="The files of the model cannot be listed" />
      {run.output_path !== null && items.length > 0 && (
        <OutputFiles owner={owner} run={run.number} files={items} where={run.output_path} />
      )}
      {hasModel && run.export_formats.length > 0 && (
        <Exports owner={owner} run={run.number} formats={run.export_formats} />
      )}
      {items.some(({ path }) => path === MODEL_CARD) && (
        <Allowed needs="trainer" silently>
          <ModelCard owner={owner} run={run.number} />
        </Allowed>
      )}
    </Stack>
  );
}

function Found({ owner, run, report }: { owner: RunOwner; run: number; report: ReportOf }) {
  const { traits, samples, retrieval = [], fixed_prompts = [], training } = report;
  return (
    <>
      {traits.length > 0 && <Traits report={report} />}
      {retrieval.length > 0 && <Retrieval retrieval={retrieval} />}
      {samples.length > 0 && <Answers report={report} />}
      {fixed_prompts.length > 0 && <FixedPrompts prompts={fixed_prompts} />}
      <Checks report={report} />
      {training !== null && (training.first_loss !== null || training.last_loss !== null) && (
        <Stack component="section" aria-labelledby="report-curves" gap="sm">
          <Title order={2} size="h4" id="report-curves">
            Curves
          </Title>
          <img
            className="report-curves"
            src={runFile(owner, run, 'curves.png')}
            width={990}
            height={660}
            alt="The losses and the learning rate by step. The tab curves has them with their values."
          />
        </Stack>
      )}
    </>
  );
}
