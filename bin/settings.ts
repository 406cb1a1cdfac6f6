/** From the command line to the configuration: which flag sets which key, and where the file is looked for. */
import { existsSync } from 'node:fs'
import { type Config, type ConfigKey, loadConfig } from '../supervisors/config/config.ts'
import { type Options, text } from './call.ts'

const FLAG_KEYS = {
  conductors: 'cluster.conductors',
  computes: 'cluster.computes',
  driver: 'driver.name',
  data: 'data.folder',
  port: 'http.port',
  auth: 'auth.mode',
  database: 'database.url',
} as const satisfies Record<string, ConfigKey>

/** `--config`, else BATON_CONFIG, else `baton.yaml` here if there is one. */
export function configFile(options: Options): string | undefined {
  return text(options, 'config') ?? process.env.BATON_CONFIG ?? (existsSync('baton.yaml') ? 'baton.yaml' : undefined)
}

/** All settings, with the flags of this command line on top. Throws `ConfigInvalid`. */
export function settingsOf(options: Options): Config {
  const flags = Object.fromEntries(Object.entries(FLAG_KEYS).map(([flag, key]) => [key, text(options, flag)]))
  return loadConfig({ file: configFile(options), env: process.env, flags })
}
