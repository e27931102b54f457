import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse, parseAllDocuments } from 'yaml';
import { loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { EnvSchema } from '../../src/platform/env-schema.ts';
import { findHelm, type HelmTools, KubernetesSchemas, type Manifest } from '../support/helm.ts';

const CHART = join(PROJECT_ROOT, 'deploy/helm/model-training-manager');
/** The oldest that Chart.yaml names, and the newest that the package has. */
const VERSIONS = ['1.29.0', '1.37.0'];
/** Values of their own in the chart. */
const OF_THE_CHART = [
  ...[
    'MTM_HOME',
    'MTM_HOST',
    'MTM_PORT',
    'MTM_OUTPUT_ROOTS',
    'HF_HOME',
    'HF_HUB_CACHE',
    'MTM_HOST_NAME',
    'MTM_STOP_GRACE_MS',
  ],
  ...[
    'MTM_API_KEYS',
    'MTM_ALLOWED_HOSTS',
    'MTM_TRUST_NETWORK',
    'DATABASE_URL',
    'TEMPORAL_ADDRESS',
    'TEMPORAL_NAMESPACE',
  ],
];
/** Of the image, of servers that a container does not start, and of the command line. */
const OF_NO_CONTAINER = [
  ...['MTM_PYTHON', 'MTM_EXPORT_PACKAGES', 'MTM_TOOLS', 'MTM_PIP_ARGS', 'MTM_SERVER', 'MTM_API_KEY'],
  ...['MTM_POSTGRES_PORT', 'MTM_TEMPORAL_PORT', 'MTM_TEMPORAL_UI_PORT'],
];
/** By `extraEnv`, from a Secret: `settings` are in a ConfigMap, which more people may read. */
const OF_A_SECRET = ['MTM_SMTP_URL', 'MTM_MLFLOW_TOKEN', 'OTEL_EXPORTER_OTLP_HEADERS'];
/** Read by Node, torch and Triton, and by Temporal's and Hugging Face's clients. */
const OF_OTHERS =
  /^(HOME|TORCHINDUCTOR_CACHE_DIR|TRITON_CACHE_DIR|HF_TOKEN|TEMPORAL_(API_KEY|TLS(_\w+)?)|NCCL_SOCKET_IFNAME)$/;
/** Some value for each setting that is no number. */
const TEXTS: Record<string, string> = {
  MTM_TEMPORAL_UI_URL: 'https://temporal.example',
  MTM_STORE_URL: 's3://runs/below',
  MTM_STORE_ENDPOINT: 'https://minio.example',
  MTM_MODEL_ROOTS: '/srv/models',
  MTM_DEVICES: 'cuda:0',
  MTM_WARM_TRAINERS: 'false',
  MTM_SERVING_DEVICE: 'cuda:1',
  MTM_ENVIRONMENT: 'staging',
  MTM_LOG_LEVEL: 'debug',
  HF_ENDPOINT: 'https://hub.example',
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
  OLLAMA_MODELS: '/srv/ollama',
  MTM_PROXIES: '10.0.0.0/8',
  MTM_PUBLIC_URL: 'https://training.example',
  MTM_WEBHOOKS_ALLOW_PRIVATE: 'true',
  MTM_MAIL_FROM: 'Training <mtm@example.com>',
  MTM_MLFLOW_URL: 'https://mlflow.example',
  MTM_BACKUP_DIR: '/backups',
  MTM_BACKUP_PASSPHRASE_FILE: '/secrets/passphrase',
  MTM_WANDB_DIR: '/data/wandb',
  MTM_TRACKIO_DIR: '/data/trackio',
  MTM_TRACKER_PROJECT: 'training',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
};

/** No Kubernetes is needed to see most of what can be wrong in a chart. */
describe('the Helm chart', function () {
  this.timeout(180_000);
  let tools: HelmTools | { missing: string };
  let examples: string[];

  before(async () => {
    tools = await findHelm();
    if ('missing' in tools) console.log(`      not shown here: ${tools.missing}`);
    examples = (await readdir(join(CHART, 'ci'))).map((name) => join(CHART, 'ci', name));
  });

  const helm = async (args: string[]) => {
    assert.ok('helm' in tools);
    return await execa(tools.helm, args, { reject: false, all: true, env: { HOME: '/nonexistent' } });
  };
  const values = (name: string) => join(CHART, 'ci', `${name}.yaml`);
  const rendered = async (file: string, set: string[] = []): Promise<Manifest[]> => {
    const more = set.flatMap((each) => ['--set', each]);
    const { stdout, exitCode, all } = await helm(['template', 'mtm', CHART, '-n', 'training', '-f', file, ...more]);
    assert.equal(exitCode, 0, all);
    return parseAllDocuments(stdout).flatMap((document) =>
      document.toJS() === null ? [] : [document.toJS() as Manifest],
    );
  };
  const one = (manifests: Manifest[], kind: RegExp, part: string): Manifest => {
    const found = manifests.filter((each) => kind.test(each.kind) && each.metadata.name.endsWith(part));
    assert.equal(found.length, 1, `${kind} ${part}: ${found.length}`);
    return found[0] as Manifest;
  };
  const parts = (manifests: Manifest[]) =>
    manifests.filter(({ kind }) => /^(Deployment|DaemonSet|StatefulSet)$/.test(kind));
  /** What a container of this part gets, where a Secret or a field has a value: its name. */
  const environment = (manifests: Manifest[], part: string): Record<string, string> => {
    const { spec } = one(manifests, /^(Deployment|DaemonSet|StatefulSet)$/, `-${part}`).spec.template;
    const settings = one(manifests, /^ConfigMap$/, 'mtm').data as Record<string, string>;
    const own = (spec.containers[0].env as { name: string; value?: string }[]).map(({ name, value }) => [
      name,
      value ?? name,
    ]);
    return { ...settings, ...Object.fromEntries(own) };
  };

  it('is linted, and what it makes follows the schemas that Kubernetes publishes, old and new', async () => {
    // Misspell a field of a template, or give one a value of another type (`replicas: "1"`), and it is named here.
    if ('missing' in tools) return;
    assert.ok(examples.length >= 3);
    for (const file of examples) {
      const lint = await helm(['lint', '--strict', CHART, '-f', file]);
      assert.equal(lint.exitCode, 0, lint.all);
    }
    for (const version of VERSIONS) {
      const schemas = await KubernetesSchemas.read(tools.schemas(version));
      for (const file of examples) {
        const manifests = await rendered(file);
        // Kinds of the Prometheus Operator, of which Kubernetes knows nothing.
        const known = manifests.filter(({ apiVersion }) => !apiVersion.startsWith('monitoring.coreos.com/'));
        assert.ok(known.length >= 8, file);
        for (const manifest of known) assert.deepEqual(await schemas.wrongIn(manifest), [], `${file}, ${version}`);
      }
      const deployment = one(await rendered(values('one-machine')), /^Deployment$/, '-api');
      deployment.spec.template.spec.containers[0].livenessProb = {};
      assert.match((await schemas.wrongIn(deployment)).join(), /livenessProb/, 'the schemas refuse what they should');
      const wrongType = one(await rendered(values('one-machine')), /^Deployment$/, '-api');
      wrongType.spec.replicas = 'one';
      assert.match((await schemas.wrongIn(wrongType)).join(), /spec\/replicas must be integer/);
    }
  });

  it('takes every setting that a container may have, and no other', async () => {
    // Leave one out of `settings` in values.schema.json and Helm refuses it by name, as it does a new one of src/platform/env-schema.ts.
    const known = Object.keys(EnvSchema.shape);
    const schema = JSON.parse(await readFile(join(CHART, 'values.schema.json'), 'utf8'));
    const offered = Object.keys(schema.properties.settings.properties);
    const free = known.filter((name) => ![...OF_THE_CHART, ...OF_NO_CONTAINER, ...OF_A_SECRET].includes(name));
    assert.deepEqual([...offered].sort(), [...free].sort());
    assert.deepEqual(
      [...OF_THE_CHART, ...OF_NO_CONTAINER, ...OF_A_SECRET].filter((name) => !known.includes(name)),
      [],
    );

    if ('missing' in tools) return;
    // A whole number that Helm would write as 1.0000000000000001e+16 by itself, where the setting has no bound.
    const given = Object.fromEntries(
      free.map((name, at) => [
        name,
        TEXTS[name] ?? (/BYTES/.test(name) ? String(34_359_738_368 + at) : String(10 + at)),
      ]),
    );
    const set = {
      ...given,
      MTM_DEVICES_PER_RUN: '4',
      MTM_HEARTBEAT_TIMEOUT_MS: '45000',
      MTM_STALL_TIMEOUT_MS: '9000',
      MTM_GIVE_UP_AFTER_MS: '9000',
    };
    const manifests = await rendered(
      values('one-machine'),
      Object.entries(set).map(([name, value]) => `settings.${name}=${value.replaceAll(',', '\\,')}`),
    );
    for (const part of ['api', 'orchestrator', 'agent']) {
      const got = environment(manifests, part);
      for (const [name, value] of Object.entries(set)) assert.equal(got[name], value, `${part} ${name}`);
      loadEnv({ ...got, MTM_HOST_NAME: 'node-1' });
    }
  });

  it('gives its containers settings that are read, and the folders of all of them on the volume', async () => {
    if ('missing' in tools) return;
    const image = await readFile(join(PROJECT_ROOT, 'Dockerfile'), 'utf8');
    for (const file of examples) {
      const manifests = await rendered(file);
      assert.equal(parts(manifests).length, 3);
      for (const part of ['api', 'orchestrator', 'agent']) {
        const given = environment(manifests, part);
        for (const name of Object.keys(given)) assert.ok(name in EnvSchema.shape || OF_OTHERS.test(name), name);
        const env = loadEnv({ ...given, MTM_HOST_NAME: 'node-1' });
        for (const dir of [env.home, ...env.outputRoots, env.modelCache]) assert.match(dir, /^\/data(\/|$)/);
        assert.equal('HF_TOKEN' in given, part === 'agent' && /gpu-nodes/.test(file));
        assert.equal('MTM_API_KEYS' in given, part === 'api' && !/one-machine/.test(file));
      }
    }
    // The user of the image, to whom its folders belong.
    assert.match(image, /^USER node$/m);
  });

  it('runs without rights: no root, no token, nothing written but to its volumes', async () => {
    if ('missing' in tools) return;
    for (const file of examples)
      for (const { metadata, spec } of parts(await rendered(file))) {
        const pod = spec.template.spec;
        assert.equal(pod.automountServiceAccountToken, false, metadata.name);
        assert.deepEqual([pod.securityContext.runAsNonRoot, pod.securityContext.runAsUser], [true, 1000]);
        assert.ok(!pod.hostNetwork && !pod.hostPID);
        for (const container of [...pod.initContainers, ...pod.containers])
          assert.deepEqual(container.securityContext, {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
      }
  });

  it('lets an agent save when it is stopped, keeps its name, and has no probe that could end a training', async () => {
    // Let terminationGracePeriodSeconds be 30, its default, and what trains is cut off.
    if ('missing' in tools) return;
    for (const [file, field] of [
      ['gpu-nodes', 'spec.nodeName'],
      ['one-machine', 'metadata.name'],
    ] as const) {
      const manifests = await rendered(values(file));
      const { spec } = one(manifests, /^(DaemonSet|StatefulSet)$/, '-agent').spec.template;
      const [agent] = spec.containers;
      assert.deepEqual(agent.args, ['host']);
      const { stopGraceMs } = loadEnv({ ...environment(manifests, 'agent'), MTM_HOST_NAME: 'node-1' });
      assert.ok(stopGraceMs / 1_000 + 3 < spec.terminationGracePeriodSeconds, `${stopGraceMs} ms`);
      assert.deepEqual(agent.env.find(({ name }: { name: string }) => name === 'MTM_HOST_NAME').valueFrom, {
        fieldRef: { fieldPath: field },
      });
      for (const probe of ['livenessProbe', 'startupProbe', 'readinessProbe']) assert.ok(!(probe in agent), probe);
      assert.ok(!('ports' in agent));
      assert.deepEqual(agent.resources.limits, { 'nvidia.com/gpu': file === 'gpu-nodes' ? 8 : 1 });
    }
    const onCpu = one(await rendered(values('outside-with-tls')), /^StatefulSet$/, '-agent');
    assert.equal(onCpu.spec.replicas, 3);
    assert.ok(!('limits' in onCpu.spec.template.spec.containers[0].resources));
  });

  it('lets nobody reach agents and orchestrator', async () => {
    if ('missing' in tools) return;
    const manifests = await rendered(values('gpu-nodes'));
    const { spec } = one(manifests, /^NetworkPolicy$/, '-outgoing-only');
    assert.deepEqual([spec.policyTypes, spec.ingress, spec.egress], [['Ingress'], undefined, undefined]);
    const [{ operator, values: chosen }] = spec.podSelector.matchExpressions;
    assert.deepEqual([operator, chosen], ['In', ['agent', 'orchestrator']]);
    const services = manifests.filter(({ kind }) => kind === 'Service');
    assert.deepEqual(
      services.map((each) => each.spec.selector['app.kubernetes.io/component']),
      ['api'],
    );
  });

  it('puts certificates and keys where the settings say that they are', async () => {
    if ('missing' in tools) return;
    const manifests = await rendered(values('outside-with-tls'));
    for (const part of ['api', 'orchestrator', 'agent']) {
      const given = environment(manifests, part);
      assert.deepEqual([given.TEMPORAL_TLS, given.TEMPORAL_TLS_SERVER_NAME], ['true', 'temporal.internal']);
      assert.equal(given.TEMPORAL_API_KEY, 'TEMPORAL_API_KEY');
      const { spec } = one(manifests, /^(Deployment|StatefulSet)$/, `-${part}`).spec.template;
      for (const container of [...spec.initContainers, ...spec.containers]) {
        const mounted = (container.volumeMounts as { name: string; mountPath: string }[]).map(({ name, mountPath }) => {
          const volume = spec.volumes.find((each: { name: string }) => each.name === name);
          assert.ok(volume, name);
          return `${mountPath} ${volume.secret?.secretName ?? ''}`;
        });
        for (const folder of ['temporal-ca', 'temporal-client', 'database-ca', 'database-client'])
          assert.ok(mounted.includes(`/etc/mtm/${folder} ${folder}`), `${folder}: ${mounted}`);
      }
      for (const [name, path] of [
        ['SERVER_CA_CERT', '/etc/mtm/temporal-ca/ca.crt'],
        ['CLIENT_CERT', '/etc/mtm/temporal-client/tls.crt'],
        ['CLIENT_KEY', '/etc/mtm/temporal-client/tls.key'],
      ])
        assert.equal(given[`TEMPORAL_TLS_${name}_PATH`], path);
    }
  });

  it('refuses a wrong value by its name, and a service that nobody or everybody could use', async () => {
    // Take additionalProperties out of values.schema.json and a misspelt value is taken for its default.
    if ('missing' in tools) return;
    for (const [set, sentence] of [
      ['temporal.adress=x', /at '\/temporal': additional properties 'adress' not allowed/],
      ['agents.gpus=two', /at '\/agents\/gpus': got string, want integer/],
      ['settings.MTM_HOST_NAME=one', /at '\/settings': additional properties 'MTM_HOST_NAME' not allowed/],
      ['agents.kind=Deployment', /at '\/agents\/kind': value must be one of 'DaemonSet', 'StatefulSet'/],
      ['image.repository=', /at '\/image\/repository': minLength/],
      ['apiKeys.existingSecret=', /apiKeys\.existingSecret is empty: name a Secret .*or set trustNetwork: true/],
      ['api.ingress.host=', /api\.ingress\.host is empty/],
      ['temporal.tls.caSecret=ca', /temporal\.tls\.enabled is false: set it to true/],
      ['monitoring.serviceMonitor.keySecret=', /mtm key add prometheus --role viewer/],
    ] as const) {
      const { exitCode, all } = await helm(['template', 'mtm', CHART, '-f', values('gpu-nodes'), '--set', set]);
      assert.equal(exitCode, 1, set);
      assert.match(String(all), sentence);
    }
  });

  it('has the alerts of docs/monitoring, and scrapes the API as its dashboard expects', async () => {
    const alerts = await readFile(join(PROJECT_ROOT, 'docs/monitoring/alerts.yml'), 'utf8');
    assert.equal(await readFile(join(CHART, 'files/alerts.yml'), 'utf8'), alerts, 'copy it again');
    if ('missing' in tools) return;
    const manifests = await rendered(values('gpu-nodes'));
    assert.deepEqual(one(manifests, /^PrometheusRule$/, 'mtm').spec.groups, parse(alerts).groups);
    const { spec } = one(manifests, /^ServiceMonitor$/, 'mtm');
    const [{ port, path, relabelings }] = spec.endpoints;
    assert.deepEqual([port, path, relabelings], ['http', '/metrics', [{ targetLabel: 'job', replacement: 'mtm' }]]);
    const service = one(manifests, /^Service$/, 'mtm');
    assert.equal(service.spec.ports[0].name, port);
    for (const [name, value] of Object.entries(spec.selector.matchLabels as Record<string, string>))
      assert.equal(service.metadata.labels?.[name], value);
  });
});
