/** What a command of the CLI is as data, and the options that many have. */
import type { Handler } from './call.ts'

export interface OptionSpec {
  /** As commander reads it: `--count <n>`, `--wait`. */
  readonly flags: string
  readonly about: string
}

export interface CommandSpec {
  /** `status`, or group and verb: `instance create`. */
  readonly path: string
  /** As commander reads it: `<name>`, `<instances...>`. */
  readonly args?: string
  readonly about: string
  readonly options: readonly OptionSpec[]
  readonly load: () => Promise<Handler>
}

export const option = (flags: string, about: string): OptionSpec => ({ flags, about })

export const DATA = option('--data <folder>', 'data folder (default .baton, or BATON_DATA)')
export const CONFIG = option('--config <file>', 'configuration file (default baton.yaml here, or BATON_CONFIG)')
export const DATABASE = option('--database <url>', 'PostgreSQL to use instead of the embedded one')
export const DRIVER = option('--driver <name>', 'auto, fake, process or qemu')
export const PORT = option('--port <port>', 'port of the REST API (default 8774)')
export const AUTH = option('--auth <mode>', 'token (default): requests need a token; none: whoever reaches the API may do anything')
export const ID = option('--id <id>', 'name of the node in the cluster')
export const JSON_OUT = option('--json', 'print JSON with stable field names')
export const CLIENT = [JSON_OUT, option('--endpoint <url>', 'the API (default BATON_ENDPOINT, or the cluster of the data folder)'), DATA]
export const WAIT = option('--wait', 'wait until the operation has ended, showing its steps')
export const PAGE = [option('--limit <n>', 'at most so many'), option('--marker <id>', 'begin after this id')]
