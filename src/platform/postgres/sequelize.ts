import { type Options, Sequelize } from 'sequelize';
import { explainTls, requireTlsFiles } from './tls.ts';

/** What every dialect's connection manager has, and Sequelize's types do not tell. */
interface Connecting {
  connect(config: unknown): Promise<unknown>;
}

/**
 * A Sequelize for DATABASE_URL, whose errors say which part of it to look at where TLS is what failed. Nothing is connected yet.
 * @throws Error with one sentence where a file that the URL names cannot be read
 */
export function sequelizeFor(databaseUrl: string, options: Options): Sequelize {
  requireTlsFiles(databaseUrl);
  const sequelize = new Sequelize(databaseUrl, { ...options, dialect: 'postgres', logging: false });
  const manager = (sequelize as unknown as { connectionManager: Connecting }).connectionManager;
  const connect = manager.connect.bind(manager);
  manager.connect = async (config) => {
    try {
      return await connect(config);
    } catch (error) {
      throw explainTls(error, databaseUrl);
    }
  };
  return sequelize;
}
