import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** Files of certificates, as PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

/** An authority that signs certificates, all of them in one folder, by the `openssl` of this machine. */
export interface Authority extends Certificate {
  /** @param names as `IP:127.0.0.1` or `DNS:localhost`; none: for a client */
  sign(name: string, names?: string[]): Promise<Certificate>;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function makeAuthority(folder: string, name: string): Promise<Authority> {
  const files = (of: string): Certificate => ({ cert: join(folder, `${of}.crt`), key: join(folder, `${of}.key`) });
  const own = files(name);
  await execa('openssl', [
    'req',
    '-x509',
    ...KEY,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    own.key,
    '-out',
    own.cert,
  ]);
  return {
    ...own,
    sign: async (of, names = []) => {
      const { cert, key } = files(of);
      const request = join(folder, `${of}.csr`);
      await execa('openssl', ['req', ...KEY, '-subj', `/CN=${of}`, '-keyout', key, '-out', request]);
      const extensions = join(folder, `${of}.ext`);
      await writeFile(
        extensions,
        names.length > 0 ? `subjectAltName=${names.join(',')}\n` : 'basicConstraints=CA:FALSE\n',
      );
      const by = ['-CA', own.cert, '-CAkey', own.key, '-CAcreateserial', '-days', '2', '-extfile', extensions];
      await execa('openssl', ['x509', '-req', '-in', request, ...by, '-out', cert]);
      return { cert, key };
    },
  };
}
